/*
 * chars.c
 *		Folding, classes and readings of characters, by ICU, kept in tables.
 */
#include "postgres.h"

#include "text/chars.h"

#include <unicode/uchar.h>
#include <unicode/uidna.h>
#include <unicode/unorm2.h>
#include <unicode/uscript.h>
#include <unicode/ustring.h>
#include <unicode/utrans.h>

#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "text/compare.h"
#include "utils/memutils.h"

/* Readings of a Han character, toneless; '?' first means not yet asked. */
typedef struct HanReading
{
	char		common[8];
	char		family[8];
	bool		known;
} HanReading;

#define HAN_FIRST	0x2E80
#define HAN_LAST	0x9FFF
#define HAN_PAGES	((HAN_LAST - HAN_FIRST) / 256 + 1)

CdCharInfo *cd_char_pages[0x1100];
static HanReading *han_pages[HAN_PAGES];

/* Letters that do not decompose, with their usual spelling. */
static const struct
{
	uint32		from;
	const char *to;
}			plain_letters[] =
{
	{0x00E6, "ae"}, {0x00F8, "o"}, {0x0142, "l"}, {0x0111, "d"}, {0x00F0, "d"}, {0x00FE, "th"},
	{0x0153, "oe"}, {0x0131, "i"}, {0x0127, "h"}, {0x0167, "t"}, {0x014B, "ng"}, {0x0138, "q"},
	{0x0149, "n"}, {0x0180, "b"}, {0x0253, "b"}, {0x0256, "d"}, {0x0257, "d"}, {0x0268, "i"},
	{0x0199, "k"}, {0x019A, "l"}, {0x0192, "f"}, {0x01B6, "z"}, {0x0289, "u"}, {0x0259, "e"},
	{0x025B, "e"}, {0x0254, "o"}, {0x0272, "n"}, {0x01DD, "e"}, {0x0219, "s"}, {0x021B, "t"},
};

/* Japanese forms whose Simplified Chinese counterpart ICU does not give. */
static const char japanese_forms[] =
	"沢泽斎斋斉齐辺边邉边髙高﨑崎浜滨桜樱広广竜龙滝泷関关渋涩塩盐黒黑徳德恵惠眞真栄荣実实亜亚円圆県县図图団团囲围売卖変变"
	"応应戦战拠据摂摄楽乐様样権权歩步歳岁浄净済济満满瀬濑獣兽畳叠穂穗経经縄绳総总聡聪荘庄蔵藏薫薰観观覚觉読读豊丰転转軽轻"
	"鉄铁鋭锐録录陽阳隠隐雑杂霊灵頼赖顕显駅驿騒骚験验髪发鶏鸡黙默齢龄伝传価价児儿剣剑労劳勲勋厳严圧压壊坏壱壹寿寿専专対对"
	"峡峡巣巢帯带帰归弐贰弾弹従从悩恼懐怀択择挙举捜搜掲揭昼昼暁晓栃枥検检欧欧沖冲渓溪湾湾澄澄瑶瑶畑畑発发砕碎稲稻穏稳粛肃"
	"継继続续緑绿繊纤萬万蛍萤蛮蛮訳译証证譲让賛赞輛辆辞辞逓递遅迟郷乡酔醉醸酿釈释銭钱鋳铸閲阅闘斗陥陷険险隣邻静静頬颊餠饼"
	"駆驱髄髓鴎鸥麦麦黄黄斌斌嶋岛槗桥埜野冨富舘馆祐佑";

static void
icu_check(UErrorCode status, const char *what)
{
	if (U_FAILURE(status))
		ereport(ERROR,
				(errcode(ERRCODE_EXTERNAL_ROUTINE_EXCEPTION),
				 errmsg("ICU failed: %s", u_errorName(status)),
				 errdetail("It was asked for %s.", what),
				 errhint("Check that ICU and its data are completely installed.")));
}

static MemoryContext
char_context(void)
{
	static MemoryContext context = NULL;

	if (context == NULL)
		context = AllocSetContextCreate(TopMemoryContext, "customer_data characters",
										ALLOCSET_DEFAULT_SIZES);
	return context;
}

/* The transliterators in use. */
typedef enum Trans
{
	TRANS_SIMPLIFIED,
	TRANS_HAN,
	TRANS_HAN_NAMES,
	TRANS_LATIN,
	TRANS_COUNT
} Trans;

/* A transliterator, opened once per backend. */
static UTransliterator *
transliterator(Trans which)
{
	static UTransliterator *opened[TRANS_COUNT];
	static const char *const ids[TRANS_COUNT] = {
		"Traditional-Simplified", "Han-Latin; Latin-ASCII", "Han-Latin/Names; Latin-ASCII",
		"Any-Latin; Latin-ASCII"
	};

	if (opened[which] == NULL)
	{
		UErrorCode	status = U_ZERO_ERROR;
		UParseError where;
		UChar		id[64];

		u_uastrcpy(id, ids[which]);
		opened[which] = utrans_openU(id, -1, UTRANS_FORWARD, NULL, 0, &where, &status);
		icu_check(status, ids[which]);
	}
	return opened[which];
}

/* Transliterate in place; answer the new length, or -1 if the room is too small. */
static int32_t
transliterate(Trans which, UChar *s, int32_t len, int32_t room)
{
	UErrorCode	status = U_ZERO_ERROR;
	int32_t		end = len;

	utrans_transUChars(transliterator(which), s, &len, room, 0, &end, &status);
	if (status == U_BUFFER_OVERFLOW_ERROR)
		return -1;
	icu_check(status, "transliteration");
	return end;
}

/* A Japanese form's Chinese counterpart. */
static uint32
japanese_to_simplified(uint32 c)
{
	static uint32 *forms = NULL;
	static int	count = 0;
	int			i;

	if (forms == NULL)
	{
		uint32	   *decoded = MemoryContextAlloc(char_context(), sizeof(japanese_forms) * sizeof(uint32));

		count = cd_utf8_decode(japanese_forms, sizeof(japanese_forms) - 1, decoded);
		forms = decoded;
	}
	for (i = 0; i + 1 < count; i += 2)
		if (forms[i] == c)
			return forms[i + 1];
	return c;
}

/* Combining marks that only decorate a letter; others are part of the spelling. */
static bool
is_decoration(uint32 c)
{
	return (c >= 0x0300 && c <= 0x036F) || (c >= 0x0483 && c <= 0x0489) ||
		(c >= 0x0591 && c <= 0x05C7 && c != 0x05BE && c != 0x05C0 && c != 0x05C3 && c != 0x05C6) ||
		(c >= 0x0610 && c <= 0x061A) || c == 0x0640 || (c >= 0x064B && c <= 0x065F) ||
		c == 0x0670 || (c >= 0x06D6 && c <= 0x06ED && c != 0x06DD && c != 0x06DE && c != 0x06E9) ||
		(c >= 0x1AB0 && c <= 0x1AFF) || (c >= 0x1DC0 && c <= 0x1DFF) ||
		(c >= 0x20D0 && c <= 0x20FF) || (c >= 0xFE20 && c <= 0xFE2F) ||
		(c >= 0xFE00 && c <= 0xFE0F) || (c >= 0xE0100 && c <= 0xE01EF);
}

static CdCharClass
classify(uint32 c)
{
	if (is_decoration(c))
		return CD_CHAR_DROPPED;
	switch (c)
	{
		case '\'':
		case '`':
		case 0x00B4:
		case 0x02B9:
		case 0x02BB:
		case 0x02BC:
		case 0x2018:
		case 0x2019:
		case 0x201B:
		case 0x2032:
		case 0xFF07:
			return CD_CHAR_APOSTROPHE;
		case '-':
		case 0xFF0D:
			return CD_CHAR_HYPHEN;
		case '\t':
		case '\n':
		case '\v':
		case '\f':
		case '\r':
		case 0x85:
			return CD_CHAR_SPACE;
	}
	switch (u_charType(c))
	{
		case U_UPPERCASE_LETTER:
		case U_LOWERCASE_LETTER:
		case U_TITLECASE_LETTER:
		case U_MODIFIER_LETTER:
		case U_OTHER_LETTER:
		case U_NON_SPACING_MARK:
		case U_COMBINING_SPACING_MARK:
		case U_LETTER_NUMBER:
			return CD_CHAR_LETTER;
		case U_DECIMAL_DIGIT_NUMBER:
		case U_OTHER_NUMBER:
			return CD_CHAR_DIGIT;
		case U_SPACE_SEPARATOR:
		case U_LINE_SEPARATOR:
		case U_PARAGRAPH_SEPARATOR:
			return CD_CHAR_SPACE;
		case U_DASH_PUNCTUATION:
			return CD_CHAR_HYPHEN;
		case U_FORMAT_CHAR:
		case U_ENCLOSING_MARK:
			return CD_CHAR_DROPPED;
		case U_CONNECTOR_PUNCTUATION:
		case U_START_PUNCTUATION:
		case U_END_PUNCTUATION:
		case U_INITIAL_PUNCTUATION:
		case U_FINAL_PUNCTUATION:
		case U_OTHER_PUNCTUATION:
		case U_MATH_SYMBOL:
		case U_CURRENCY_SYMBOL:
		case U_MODIFIER_SYMBOL:
		case U_OTHER_SYMBOL:
			return CD_CHAR_PUNCT;
		default:
			return CD_CHAR_OTHER;
	}
}

static CdScript
script_of(uint32 c)
{
	UErrorCode	status = U_ZERO_ERROR;

	switch (uscript_getScript(c, &status))
	{
		case USCRIPT_COMMON:
		case USCRIPT_INHERITED:
			return c == 0x30FC ? CD_SCRIPT_KANA : CD_SCRIPT_COMMON;
		case USCRIPT_LATIN:
			return CD_SCRIPT_LATIN;
		case USCRIPT_HAN:
			return CD_SCRIPT_HAN;
		case USCRIPT_HIRAGANA:
		case USCRIPT_KATAKANA:
			return CD_SCRIPT_KANA;
		case USCRIPT_HANGUL:
			return CD_SCRIPT_HANGUL;
		default:
			return CD_SCRIPT_OTHER;
	}
}

/* Work out the folded form of one character. */
static void
fold_char(uint32 c, CdCharInfo *info)
{
	UErrorCode	status = U_ZERO_ERROR;
	const UNormalizer2 *casefold = unorm2_getNFKCCasefoldInstance(&status);
	const UNormalizer2 *nfd = unorm2_getNFDInstance(&status);
	const UNormalizer2 *nfc = unorm2_getNFCInstance(&status);
	UChar		one[64];
	UChar		two[128];
	UChar		kept[128];
	int32_t		len = 0;
	int32_t		kept_len = 0;
	int32_t		i = 0;
	UBool		overflow = false;

	icu_check(status, "normalizers");
	info->fold_len = 0;
	U16_APPEND(two, len, 4, c, overflow);
	(void) overflow;
	len = unorm2_normalize(casefold, two, len, one, lengthof(one), &status);
	len = unorm2_normalize(nfd, one, len, two, lengthof(two), &status);
	if (U_FAILURE(status))
	{
		/* the few that decompose to whole phrases stay as they are */
		info->fold[0] = c;
		info->fold_len = 1;
		return;
	}
	while (i < len)
	{
		UChar32		d;
		int			k;
		bool		done = false;

		U16_NEXT(two, i, len, d);
		if (is_decoration(d))
			continue;
		for (k = 0; k < (int) lengthof(plain_letters); k++)
			if (plain_letters[k].from == (uint32) d)
			{
				const char *p;

				for (p = plain_letters[k].to; *p; p++)
					kept[kept_len++] = *p;
				done = true;
				break;
			}
		if (done)
			continue;
		if (u_charType(d) == U_DECIMAL_DIGIT_NUMBER && d >= 128)
			d = '0' + u_charDigitValue(d);
		U16_APPEND(kept, kept_len, (int32_t) lengthof(kept), d, overflow);
	}
	len = unorm2_normalize(nfc, kept, kept_len, one, lengthof(one), &status);
	if (U_FAILURE(status))
		len = 0;
	if (len == 1 && u_hasBinaryProperty(one[0], UCHAR_UNIFIED_IDEOGRAPH))
	{
		int32_t		n = transliterate(TRANS_SIMPLIFIED, one, len, lengthof(one));

		if (n == 1)
			one[0] = (UChar) japanese_to_simplified(one[0]);
	}
	for (i = 0; i < len;)
	{
		UChar32		d;

		U16_NEXT(one, i, len, d);
		if (info->fold_len < lengthof(info->fold))
			info->fold[info->fold_len++] = d;
		else
		{
			/* longer than the table holds, a phrase in one character: keep it */
			info->fold[0] = c;
			info->fold_len = 1;
			break;
		}
	}
}

const CdCharInfo *
cd_char_slow(uint32 c)
{
	CdCharInfo *info;

	if (c >= 0x110000)
		c = 0xFFFD;
	if (cd_char_pages[c >> 8] == NULL)
		cd_char_pages[c >> 8] = MemoryContextAllocZero(char_context(), 256 * sizeof(CdCharInfo));
	info = &cd_char_pages[c >> 8][c & 255];
	if (!info->known)
	{
		info->class = classify(c);
		info->script = script_of(c);
		fold_char(c, info);
		info->known = true;
	}
	return info;
}

void
cd_text_init(CdText *t, int room)
{
	t->room = Max(room, 16);
	t->len = 0;
	t->cp = MemoryContextAllocHuge(CurrentMemoryContext, sizeof(uint32) * (Size) t->room);
}

void
cd_text_grow(CdText *t)
{
	t->room = Max(t->room, 16) * 2;
	t->cp = repalloc_huge(t->cp, sizeof(uint32) * (Size) t->room);
}

void
cd_text_add_ascii(CdText *t, const char *s)
{
	for (; *s; s++)
		cd_text_add(t, (uint8) *s);
}

void
cd_text_decode(CdText *t, const char *s, int bytes)
{
	cd_text_init(t, bytes);
	t->len = cd_utf8_decode(s, bytes, t->cp);
}

/* Characters that only make sense together with a neighbour: compose them first. */
static bool
needs_composing(uint32 c)
{
	return (c >= 0x1100 && c <= 0x11FF) || (c >= 0xA960 && c <= 0xA97F) ||
		(c >= 0xD7B0 && c <= 0xD7FF) || c == 0x3099 || c == 0x309A || (c >= 0xFF65 && c <= 0xFF9F);
}

/* NFKC of a decoded text. */
static void
compose(CdText *t)
{
	UErrorCode	status = U_ZERO_ERROR;
	const UNormalizer2 *nfkc = unorm2_getNFKCInstance(&status);
	int32_t		len = 0;
	int32_t		out_len;
	int32_t		i;
	UChar	   *in;
	UChar	   *out;

	icu_check(status, "NFKC");
	in = MemoryContextAllocHuge(CurrentMemoryContext, sizeof(UChar) * 2 * (Size) t->len);
	for (i = 0; i < t->len; i++)
		U16_APPEND_UNSAFE(in, len, t->cp[i]);
	out_len = unorm2_normalize(nfkc, in, len, NULL, 0, &status);
	status = U_ZERO_ERROR;
	out = MemoryContextAllocHuge(CurrentMemoryContext, sizeof(UChar) * ((Size) out_len + 1));
	out_len = unorm2_normalize(nfkc, in, len, out, out_len + 1, &status);
	icu_check(status, "NFKC");
	t->len = 0;
	for (i = 0; i < out_len;)
	{
		UChar32		c;

		U16_NEXT(out, i, out_len, c);
		cd_text_add(t, c);
	}
	pfree(in);
	pfree(out);
}

void
cd_text_fold(CdText *t, const char *s, int bytes)
{
	CdText		raw;
	int			i;

	if (cd_is_ascii(s, bytes))
	{
		cd_text_init(t, bytes);
		for (i = 0; i < bytes; i++)
			t->cp[i] = (s[i] >= 'A' && s[i] <= 'Z') ? s[i] + 32 : s[i];
		t->len = bytes;
		return;
	}
	cd_text_decode(&raw, s, bytes);
	for (i = 0; i < raw.len; i++)
		if (needs_composing(raw.cp[i]))
		{
			compose(&raw);
			break;
		}
	cd_text_init(t, raw.len + raw.len / 4);
	for (i = 0; i < raw.len; i++)
	{
		uint32		c = raw.cp[i];
		const CdCharInfo *info = cd_char(c);
		int			k;

		for (k = 0; k < info->fold_len; k++)
			cd_text_add(t, info->fold[k]);
	}
	pfree(raw.cp);
}

char *
cd_text_encode(const CdText *t, int *bytes)
{
	unsigned char *out = MemoryContextAllocHuge(CurrentMemoryContext, (Size) t->len * 4 + 1);
	unsigned char *p = out;
	int			i;

	for (i = 0; i < t->len; i++)
	{
		if (t->cp[i] < 0x80)
			*p++ = t->cp[i];
		else
		{
			unicode_to_utf8(t->cp[i], p);
			p += pg_utf_mblen(p);
		}
	}
	*p = '\0';
	if (bytes)
		*bytes = p - out;
	return (char *) out;
}

bool
cd_equals_ascii(const uint32 *cp, int len, const char *ascii)
{
	int			i;

	for (i = 0; i < len; i++)
		if (ascii[i] == '\0' || cp[i] != (uint8) ascii[i])
			return false;
	return ascii[len] == '\0';
}

/* Ask ICU for one reading, ASCII letters only, at most seven. */
static void
ask_reading(Trans which, uint32 c, char *out)
{
	UChar		s[64];
	int32_t		len = 0;
	int32_t		i;
	int			n = 0;

	U16_APPEND_UNSAFE(s, len, c);
	len = transliterate(which, s, len, lengthof(s));
	for (i = 0; i < len && n < 7; i++)
		if (s[i] < 128 && isalpha((int) s[i]))
			out[n++] = pg_ascii_tolower((unsigned char) s[i]);
	out[n] = '\0';
}

const char *
cd_han_reading(uint32 c, bool family)
{
	HanReading *r;
	int			page;

	if (c < HAN_FIRST || c > HAN_LAST)
		return "";
	page = (c - HAN_FIRST) / 256;
	if (han_pages[page] == NULL)
		han_pages[page] = MemoryContextAllocZero(char_context(), 256 * sizeof(HanReading));
	r = &han_pages[page][(c - HAN_FIRST) % 256];
	if (!r->known)
	{
		ask_reading(TRANS_HAN, c, r->common);
		ask_reading(TRANS_HAN_NAMES, c, r->family);
		r->known = true;
	}
	return family ? r->family : r->common;
}

/* Family names of two characters, Simplified, and how they are read where ICU errs. */
static const struct
{
	const char *name;
	const char *reading;
}			compound_names[] =
{
	{"欧阳", NULL}, {"太史", NULL}, {"端木", NULL}, {"上官", NULL}, {"司马", NULL}, {"东方", NULL},
	{"独孤", NULL}, {"南宫", NULL}, {"万俟", "moqi"}, {"闻人", NULL}, {"夏侯", "xiahou"},
	{"诸葛", "zhuge"}, {"尉迟", "yuchi"}, {"公羊", NULL}, {"赫连", NULL}, {"澹台", "tantai"},
	{"皇甫", "huangfu"}, {"宗政", NULL}, {"濮阳", NULL}, {"公冶", NULL}, {"太叔", NULL},
	{"申屠", NULL}, {"公孙", NULL}, {"慕容", NULL}, {"仲孙", NULL}, {"钟离", NULL},
	{"长孙", "zhangsun"}, {"宇文", NULL}, {"司徒", NULL}, {"鲜于", "xianyu"}, {"司空", NULL},
	{"闾丘", NULL}, {"子车", "ziju"}, {"亓官", "qiguan"}, {"司寇", NULL}, {"巫马", NULL},
	{"公西", NULL}, {"颛孙", NULL}, {"壤驷", NULL}, {"公良", NULL}, {"漆雕", NULL},
	{"乐正", "yuezheng"}, {"宰父", "zaifu"}, {"谷梁", NULL}, {"拓跋", "tuoba"}, {"轩辕", NULL},
	{"令狐", "linghu"}, {"段干", NULL}, {"百里", NULL}, {"呼延", NULL}, {"东郭", NULL},
	{"南门", NULL}, {"羊舌", NULL}, {"梁丘", NULL}, {"左丘", NULL}, {"西门", NULL},
	{"第五", NULL}, {"单于", "chanyu"}, {"完颜", NULL}, {"耶律", NULL}, {"纳兰", NULL},
	{"东门", NULL}, {"南荣", NULL}, {"即墨", NULL}, {"达奚", NULL}, {"褚师", NULL},
};

/* The usual family names of one character, Simplified. */
static const char single_names[] =
	"王李张刘陈杨赵黄周吴徐孙胡朱高林何郭马罗梁宋郑谢韩唐冯于董萧程曹袁邓许傅沈曾彭吕苏卢蒋蔡贾丁魏薛叶阎余潘杜戴夏钟汪田"
	"任姜范方石姚谭廖邹熊金陆郝孔白崔康毛邱秦江史顾侯邵孟龙万段雷钱汤尹黎易常武乔贺赖龚文庞樊兰殷施陶洪翟安颜倪严牛温芦季"
	"俞章鲁葛伍韦申尤毕聂丛焦向柳邢路岳齐沿梅莫庄辛管祝左涂谷祁时舒耿牟卜路詹关苗凌费纪靳盛童欧甄项曲成游阳裴席卫查屈鲍位"
	"覃霍翁隋植甘景薄单包司柏宁柯阮桂闵解强柴华车冉房边辜吉饶刁瞿戚丘古米池滕晋苑邬臧畅宫来嵺苟全褚廉简娄盖符奚木穆党燕郎"
	"邸冀谈姬屠连郜晏栾郁商蒙计喻揭窦迟宇敖糜鄢冷卓花仇艾蓝都巩稽井练仲乐虞卞封竺冼原官衣楚佟栗匡宗应台巫鞠僧桑荆谌银扬明"
	"沙薄伏岑习胥保和蔺水云昌凤酆皮卡元平尚湛贝祝麻危闪路支咎经裘缪干宣贲丁崔钮鄂仰秋班隆宓蓬司印宿怀蒲邰从索咸籍卓屠蔚双"
	"闻莘逄姬冉桑璩濮寿通扈浦农别茹鱼容慎戈廖庾终暨居衡步耿满弘国寇广禄阙东殴利蔚越夔师厍勾敖融冷訾辛那空曾毋沙乜养须丰巢"
	"蒯相后荆红游权逯区尧佘佴伯赏笪谯年爱佟肖付闫代邝麦骆覃朴";

static uint32 compound_cps[lengthof(compound_names)][2];
static uint32 *single_cps = NULL;
static int	single_count = 0;

/* Decode the lists of family names once. */
static void
load_family_names(void)
{
	uint32	   *decoded;
	int			i;

	if (single_cps != NULL)
		return;
	for (i = 0; i < (int) lengthof(compound_names); i++)
	{
		uint32		cp[8];

		cd_utf8_decode(compound_names[i].name, strlen(compound_names[i].name), cp);
		compound_cps[i][0] = cp[0];
		compound_cps[i][1] = cp[1];
	}
	decoded = MemoryContextAlloc(char_context(), sizeof(single_names) * sizeof(uint32));
	single_count = cd_utf8_decode(single_names, sizeof(single_names) - 1, decoded);
	single_cps = decoded;
}

static int
find_compound(const uint32 *cp)
{
	int			i;

	load_family_names();
	for (i = 0; i < (int) lengthof(compound_names); i++)
		if (compound_cps[i][0] == cp[0] && compound_cps[i][1] == cp[1])
			return i;
	return -1;
}

int
cd_han_family_length(const uint32 *cp, int len)
{
	int			i;

	load_family_names();
	if (len >= 3 && find_compound(cp) >= 0)
		return 2;
	i = cd_japanese_family_length(cp, len);
	if (i > 0)
		return i;
	for (i = 0; len >= 2 && i < single_count; i++)
		if (single_cps[i] == cp[0])
			return 1;
	return 0;
}

/* Readings of the usual Chinese family names, in byte order. */
#define FAMILY_READING	12
static char (*family_readings)[FAMILY_READING] = NULL;
static int	family_reading_count = 0;

static int
compare_readings(const void *a, const void *b)
{
	return strncmp(a, b, FAMILY_READING);
}

/* Is a word in small Latin letters the reading of a usual Chinese family name? */
bool
cd_reads_chinese_family(const char *s, int len)
{
	char		word[FAMILY_READING] = {0};

	if (family_readings == NULL)
	{
		char		(*made)[FAMILY_READING];
		int			n = 0;

		load_family_names();
		made = MemoryContextAllocZero(char_context(), (single_count + lengthof(compound_names)) * FAMILY_READING);
		for (int i = 0; i < single_count; i++)
			strlcpy(made[n++], cd_han_reading(single_cps[i], true), FAMILY_READING);
		for (int i = 0; i < (int) lengthof(compound_names); i++)
		{
			if (compound_names[i].reading != NULL)
				strlcpy(made[n++], compound_names[i].reading, FAMILY_READING);
			else
				snprintf(made[n++], FAMILY_READING, "%s%s", cd_han_reading(compound_cps[i][0], true), cd_han_reading(compound_cps[i][1], false));
		}
		qsort(made, n, FAMILY_READING, compare_readings);
		family_reading_count = n;
		family_readings = made;
	}
	if (len == 0 || len >= FAMILY_READING)
		return false;
	memcpy(word, s, len);
	return bsearch(word, family_readings, family_reading_count, FAMILY_READING, compare_readings) != NULL;
}

void
cd_han_append_reading(CdText *t, const uint32 *cp, int len, bool family)
{
	int			i = family && len == 2 ? find_compound(cp) : -1;

	if (i >= 0 && compound_names[i].reading != NULL)
	{
		cd_text_add_ascii(t, compound_names[i].reading);
		return;
	}
	for (i = 0; i < len; i++)
		cd_text_add_ascii(t, cd_han_reading(cp[i], family));
}

bool
cd_is_foreign(const CdText *t)
{
	for (int i = 0; i < t->len; i++)
		if (t->cp[i] >= 128 && cd_class(t->cp[i]) == CD_CHAR_LETTER && cd_script(t->cp[i]) != CD_SCRIPT_LATIN)
			return true;
	return false;
}

bool
cd_same_signs(const char *a, int la, const char *b, int lb)
{
	while (la > 0 && (unsigned char) a[la - 1] <= ' ')
		la--;
	while (lb > 0 && (unsigned char) b[lb - 1] <= ' ')
		lb--;
	for (; la > 0 && (unsigned char) *a <= ' '; a++)
		la--;
	for (; lb > 0 && (unsigned char) *b <= ' '; b++)
		lb--;
	return la == lb && memcmp(a, b, la) == 0;
}

/*
 * Cyrillic as passports (ICAO 9303) and the press spell it, U+0400 to U+045F;
 * ICU's Cyrillic-Latin is ISO 9, whose marks are all that tell sh from s.
 */
static const char *const cyrillic[] = {
	"e", "e", "dj", "g", "ye", "dz", "i", "yi", "j", "lj", "nj", "c", "k", "i", "u", "dz",
	"a", "b", "v", "g", "d", "e", "zh", "z", "i", "y", "k", "l", "m", "n", "o", "p",
	"r", "s", "t", "u", "f", "kh", "ts", "ch", "sh", "shch", "", "y", "", "e", "yu", "ya"
};

/* Append a Cyrillic letter in Latin ones; false if it is none of these. */
static bool
romanize_cyrillic(uint32 c, CdText *out)
{
	bool		capital = c < 0x0430;
	const char *latin;

	if (c == 0x0490 || c == 0x0491)
		latin = "g", capital = c == 0x0490;
	else if (c >= 0x0400 && c <= 0x045F)
		latin = cyrillic[c >= 0x0450 ? c - 0x0450 : capital ? c - 0x0400 : c - 0x0420];
	else
		return false;
	for (; *latin != '\0'; latin++)
	{
		cd_text_add(out, capital ? pg_ascii_toupper((unsigned char) *latin) : *latin);
		capital = false;
	}
	return true;
}

/* A piece of text in Latin letters by ICU; the buffer grows until it fits. */
static void
romanize_piece(const uint32 *cp, int len, CdText *out)
{
	int32_t		room = len * 4 + 64;

	for (;;)
	{
		UChar	   *s = MemoryContextAllocHuge(CurrentMemoryContext, sizeof(UChar) * (Size) room);
		int32_t		n = 0;
		int32_t		i;

		for (i = 0; i < len; i++)
			U16_APPEND_UNSAFE(s, n, cp[i]);
		n = transliterate(TRANS_LATIN, s, n, room);
		if (n >= 0)
		{
			for (i = 0; i < n;)
			{
				UChar32		c;

				U16_NEXT(s, i, n, c);
				/* marks of ayn, hamza and soft signs say nothing in Latin */
				if (!is_decoration(c) && !(c >= 0x02B9 && c <= 0x02BF))
					cd_text_add(out, c);
			}
			pfree(s);
			return;
		}
		pfree(s);
		room *= 2;
	}
}

/*
 * Any text in Latin letters, in pieces cut at spaces where there are any: ICU
 * moves the rest of its text at each replacement.
 */
static void
romanize_general(const uint32 *cp, int len, CdText *out)
{
	while (len > 0)
	{
		int			n = 0;
		int			cut;

		CHECK_FOR_INTERRUPTS();
		if (romanize_cyrillic(*cp, out))
		{
			cp++;
			len--;
			continue;
		}
		while (n < len && n < 256 && !(cp[n] >= 0x0400 && cp[n] <= 0x045F) && cp[n] != 0x0490 && cp[n] != 0x0491)
			n++;
		cut = n;
		if (n < len)
		{
			while (cut > n / 2 && cd_class(cp[cut - 1]) != CD_CHAR_SPACE)
				cut--;
			if (cut > n / 2)
				n = cut;
		}
		romanize_piece(cp, n, out);
		/* Han is read syllable by syllable with a space between */
		if (n < len && cd_is_han(cp[n - 1]) && cd_is_han(cp[n]))
			cd_text_add(out, ' ');
		cp += n;
		len -= n;
	}
}

/* Append with a capital first letter. */
static void
add_capitalised(CdText *t, const CdText *word)
{
	int			i;

	for (i = 0; i < word->len; i++)
		cd_text_add(t, i == 0 && word->cp[i] < 128 ?
					pg_ascii_toupper((unsigned char) word->cp[i]) : word->cp[i]);
}

/*
 * A text that is one Han name (two to four characters, a known family name
 * first) is written as a name, "Zhuge Xiaowen"; Cyrillic is spelled as passports
 * do, everything else goes through ICU's Any-Latin and Latin-ASCII.
 */
char *
cd_romanize(const char *s, int bytes, int *out_bytes)
{
	CdText		raw;
	CdText		han;
	CdText		out;
	bool		name = true;
	int			family;
	int			i;

	cd_text_init(&out, bytes + 16);
	cd_text_decode(&raw, s, bytes);
	cd_text_init(&han, raw.len);
	for (i = 0; i < raw.len && name; i++)
	{
		if (cd_is_han(raw.cp[i]))
			cd_text_add(&han, cd_char(raw.cp[i])->fold[0]);
		else if (cd_class(raw.cp[i]) != CD_CHAR_SPACE)
			name = false;
	}
	family = name && han.len >= 2 && han.len <= 4 ? cd_han_family_length(han.cp, han.len) : 0;
	if (family > 0 && han.len - family <= 2)
	{
		CdText		part;

		cd_text_init(&part, 32);
		cd_han_append_reading(&part, han.cp, family, true);
		add_capitalised(&out, &part);
		part.len = 0;
		cd_han_append_reading(&part, han.cp + family, han.len - family, false);
		cd_text_add(&out, ' ');
		add_capitalised(&out, &part);
	}
	else if (cd_is_ascii(s, bytes))
		out = raw;
	else
		romanize_general(raw.cp, raw.len, &out);
	return cd_text_encode(&out, out_bytes);
}

const char *
cd_icu_version(void)
{
	static char version[U_MAX_VERSION_STRING_LENGTH];
	UVersionInfo info;

	u_getVersion(info);
	u_versionToString(info, version);
	return version;
}

char *
cd_idna(const char *s, int bytes)
{
	static UIDNA *idna = NULL;
	UErrorCode	status = U_ZERO_ERROR;
	UIDNAInfo	info = UIDNA_INFO_INITIALIZER;
	char		out[256];
	int32_t		n;

	if (bytes == 0 || bytes > 1000)
		return NULL;
	if (idna == NULL)
	{
		idna = uidna_openUTS46(UIDNA_CHECK_BIDI | UIDNA_CHECK_CONTEXTJ |
							   UIDNA_NONTRANSITIONAL_TO_ASCII, &status);
		icu_check(status, "IDNA");
	}
	n = uidna_nameToASCII_UTF8(idna, s, bytes, out, sizeof(out), &info, &status);
	if (U_FAILURE(status) || n >= (int32_t) sizeof(out) ||
		(info.errors & ~(UIDNA_ERROR_LEADING_HYPHEN | UIDNA_ERROR_TRAILING_HYPHEN | UIDNA_ERROR_HYPHEN_3_4)) != 0)
		return NULL;
	out[n] = '\0';
	return pstrdup(out);
}
