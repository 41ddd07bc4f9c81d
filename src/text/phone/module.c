/*
 * module.c
 *		Marks customer_data_phone.so as a module of this server version.
 */
#include "postgres.h"

#include "customer_data.h"

#include "fmgr.h"

CD_MODULE_MAGIC;
