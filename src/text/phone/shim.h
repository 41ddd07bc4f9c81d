/*
 * shim.h
 *		The border to libphonenumber: C on one side, C++ on the other.
 *
 * The functions live in customer_data_phone.so, which is loaded when a phone
 * number is first looked at, so that the extension works without the library.
 * They never throw and never call the server.
 */
#ifndef CD_TEXT_PHONE_SHIM_H
#define CD_TEXT_PHONE_SHIM_H

#ifdef __cplusplus
extern "C"
{
#endif

typedef enum CdPhoneStatus
{
	CD_PHONE_VALID,				/* a number of an assigned range */
	CD_PHONE_POSSIBLE,			/* right length, no range known for it */
	CD_PHONE_LOCAL,				/* complete only within its own area */
	CD_PHONE_TOO_SHORT,
	CD_PHONE_TOO_LONG,
	CD_PHONE_NO_COUNTRY,		/* national form and no region, or no such country code */
	CD_PHONE_NOT_A_NUMBER,
	CD_PHONE_FAILED				/* the library failed (memory) */
} CdPhoneStatus;

#define CD_PHONE_E164_SIZE	24

/*
 * Parse len bytes as a phone number dialled in a region (ISO 3166 alpha-2, or
 * empty).  For CD_PHONE_VALID and CD_PHONE_POSSIBLE e164 is filled, and the
 * number of digits of its country code given.
 */
typedef CdPhoneStatus (*CdPhoneParse) (const char *s, int len, const char *region, char *e164,
										int *code_digits);

/* File name of the library in use, from which its version is read. */
typedef const char *(*CdPhoneLibrary) (void);

#ifdef __cplusplus
}
#endif

#endif							/* CD_TEXT_PHONE_SHIM_H */
