/*
 * company.h
 *		The parts of a company name.
 */
#ifndef CD_TEXT_COMPANY_H
#define CD_TEXT_COMPANY_H

#include "customer_data.h"

#include "text/chars.h"
#include "text/words.h"

/* Parts of a company name, folded: 武汉|海明智业|电子商务|有限公司. */
typedef struct CdCompany
{
	CdText		place;
	CdText		brand;
	CdText		trade;
	CdText		legal;
	CdText		key;			/* all but the legal form */
	bool		cjk;
} CdCompany;

/* Does a word say what a company does rather than which it is? */
extern bool cd_is_trade_word(const uint32 *cp, int len);

/* The same of a whole brand in Han: then only the place tells companies apart. */
extern bool cd_is_cjk_trade(const uint32 *cp, int len);

/* The word that a folded word of a company name, in ASCII, is short for; NULL if it is none. */
extern const char *cd_company_word(const char *word, int len);

extern void cd_company_parse(CdCompany *c, const char *s, int bytes);

#endif							/* CD_TEXT_COMPANY_H */
