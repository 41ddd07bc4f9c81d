/*
 * shim.cc
 *		libphonenumber behind two functions that do not throw.
 */
#include <dlfcn.h>
#include <stdlib.h>

#include <cstring>
#include <string>

#include <phonenumbers/logger.h>
#include <phonenumbers/phonenumber.pb.h>
#include <phonenumbers/phonenumberutil.h>

#include "text/phone/shim.h"

#define EXPORT	extern "C" __attribute__((visibility("default")))

using i18n::phonenumbers::PhoneNumber;
using i18n::phonenumbers::PhoneNumberUtil;

namespace
{

/* The library writes warnings to standard output unless told otherwise. */
class SilentLogger : public i18n::phonenumbers::Logger
{
public:
	void		WriteMessage(const std::string &) override
	{
	}
};

/* The library's singleton, its logger silenced at first use. */
PhoneNumberUtil *
phone_util()
{
	static PhoneNumberUtil *const util = [] {
		PhoneNumberUtil *u = PhoneNumberUtil::GetInstance();

		u->SetLogger(new SilentLogger());
		return u;
	}();

	return util;
}

} /* namespace */

EXPORT CdPhoneStatus
cd_phone_parse(const char *s, int len, const char *region, char *e164, int *code_digits) noexcept
{
	try
	{
		PhoneNumberUtil *util = phone_util();
		PhoneNumber number;
		std::string formatted;

		e164[0] = '\0';
		switch (util->Parse(std::string(s, len), region[0] ? region : "ZZ", &number))
		{
			case PhoneNumberUtil::NO_PARSING_ERROR:
				break;
			case PhoneNumberUtil::INVALID_COUNTRY_CODE_ERROR:
				return CD_PHONE_NO_COUNTRY;
			case PhoneNumberUtil::TOO_SHORT_AFTER_IDD:
			case PhoneNumberUtil::TOO_SHORT_NSN:
				return CD_PHONE_TOO_SHORT;
			case PhoneNumberUtil::TOO_LONG_NSN:
				return CD_PHONE_TOO_LONG;
			default:
				return CD_PHONE_NOT_A_NUMBER;
		}
		switch (util->IsPossibleNumberWithReason(number))
		{
			case PhoneNumberUtil::IS_POSSIBLE:
				break;
			case PhoneNumberUtil::IS_POSSIBLE_LOCAL_ONLY:
				return CD_PHONE_LOCAL;
			case PhoneNumberUtil::INVALID_COUNTRY_CODE:
				return CD_PHONE_NO_COUNTRY;
			case PhoneNumberUtil::TOO_LONG:
				return CD_PHONE_TOO_LONG;
			default:
				return CD_PHONE_TOO_SHORT;
		}
		util->Format(number, PhoneNumberUtil::E164, &formatted);
		if (formatted.size() >= CD_PHONE_E164_SIZE)
			return CD_PHONE_TOO_LONG;
		*code_digits = static_cast<int>(std::to_string(number.country_code()).size());
		std::memcpy(e164, formatted.c_str(), formatted.size() + 1);
		return util->IsValidNumber(number) ? CD_PHONE_VALID : CD_PHONE_POSSIBLE;
	}
	catch (...)
	{
		return CD_PHONE_FAILED;
	}
}

EXPORT const char *
cd_phone_library() noexcept
{
	static char path[4096];
	Dl_info		info;

	if (path[0] == '\0' &&
		(dladdr(reinterpret_cast<void *>(&PhoneNumberUtil::GetInstance), &info) == 0 ||
		 realpath(info.dli_fname, path) == nullptr))
		return "";
	return path;
}
