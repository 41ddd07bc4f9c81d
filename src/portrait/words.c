/*
 * words.c
 *		The words of a text, whatever script it is written in.
 *
 * PostgreSQL's text search knows stems and stop words of the languages that
 * part words by spaces; its parser takes a Chinese sentence for one word.  So
 * a text is cut where the kind of script changes, and each piece goes to who
 * can read it.
 */
#include "postgres.h"

#include "portrait/words.h"

#include <unicode/ubrk.h>
#include <unicode/utf16.h>

#include "catalog/pg_collation.h"
#include "fmgr.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "text/chars.h"
#include "tsearch/ts_cache.h"
#include "tsearch/ts_public.h"
#include "utils/formatting.h"

/* Token types of the default parser that are words: no numbers, no addresses. */
#define TYPE_ASCIIWORD		1
#define TYPE_WORD			2
#define TYPE_NUMWORD		3
#define TYPE_NUMPART		9
#define TYPE_PART			10
#define TYPE_ASCIIPART		11
#define DEFAULT_PARSER		3722

typedef struct Splitter
{
	CdTakeWord	take;
	void	   *arg;
	int			place;
} Splitter;

bool
cd_is_unspaced(uint32 c)
{
	return cd_is_cjk(c) || c == 0x30FC || c == 0x3005 ||
		(c >= 0x0E00 && c <= 0x0EFF) || (c >= 0x1000 && c <= 0x109F) || (c >= 0x1780 && c <= 0x17FF);
}

/* Chinese words of two and more characters that carry no topic, simplified. */
static const char *const chinese_stop_words[] = {
	"我们", "你们", "他们", "她们", "它们", "咱们", "自己", "大家", "这个", "那个", "这些", "那些", "这样", "那样", "这里", "那里",
	"这么", "那么", "什么", "怎么", "怎样", "如何", "为什么", "可以", "能够", "没有", "就是", "还是", "不是", "但是", "可是", "不过",
	"因为", "所以", "如果", "虽然", "而且", "或者", "以及", "然后", "于是", "已经", "曾经", "非常", "比较", "特别", "真的", "一个",
	"一些", "一样", "一点", "一下", "一直", "有点", "有些", "时候", "现在", "可能", "应该", "知道", "觉得", "感觉", "不会", "不能",
	"不要", "还有", "只是", "只有", "之后", "之前", "以后", "以前", "很多", "东西", "其他", "其实", "对于", "关于", "的话",
};

/* Korean particles of one syllable that follow a noun. */
static const uint32 korean_particles[] = {
	0xC740, 0xB294, 0xC774, 0xAC00, 0xC744, 0xB97C, 0xC758, 0xC5D0, 0xB3C4, 0xB85C, 0xC640, 0xACFC, 0xB9CC,
};

static bool
is_stop_word(const char *term, int length)
{
	int			i;

	for (i = 0; i < (int) lengthof(chinese_stop_words); i++)
	{
		if (strncmp(chinese_stop_words[i], term, length) == 0 && chinese_stop_words[i][length] == '\0')
			return true;
	}
	return false;
}

/* Does a word of an unspaced script carry meaning?  A Korean particle is cut off. */
static bool
is_meant(const uint32 *word, int *length)
{
	bool		hiragana = true;
	int			i;

	if (*length >= 3 && cd_script(word[*length - 1]) == CD_SCRIPT_HANGUL)
	{
		for (i = 0; i < (int) lengthof(korean_particles); i++)
		{
			if (word[*length - 1] == korean_particles[i])
			{
				(*length)--;
				break;
			}
		}
	}
	for (i = 0; i < *length; i++)
		hiragana &= word[i] >= 0x3040 && word[i] <= 0x309F;
	/* Single characters and hiragana are mostly grammar. */
	return *length >= 2 && !hiragana;
}

/* Hand over one word of an unspaced script */
static void
take_unspaced(Splitter *splitter, const uint32 *word, int length)
{
	CdText		written = {unconstify(uint32 *, word), 0, 0};
	CdText		folded;
	char	   *shown,
			   *term;
	int			shown_length,
				term_length;

	splitter->place++;
	if (!is_meant(word, &length))
		return;
	written.len = length;
	shown = cd_text_encode(&written, &shown_length);
	cd_text_fold(&folded, shown, shown_length);
	term = cd_text_encode(&folded, &term_length);
	if (term_length <= CD_MAX_WORD && shown_length <= CD_MAX_WORD && !is_stop_word(term, term_length))
		splitter->take(splitter->arg, term, term_length, shown, shown_length, splitter->place);
	pfree(folded.cp);
	pfree(shown);
	pfree(term);
}

/* Split a run of an unspaced script */
static void
split_unspaced(Splitter *splitter, const uint32 *run, int length)
{
	static UBreakIterator *breaks = NULL;
	UErrorCode	status = U_ZERO_ERROR;
	UChar	   *units = MemoryContextAllocHuge(CurrentMemoryContext, sizeof(UChar) * 2 * (Size) length);
	int32_t		count = 0;
	int32_t		end;
	int			from = 0,
				to = 0;
	int32_t		at = 0;
	int			i;

	for (i = 0; i < length; i++)
		U16_APPEND_UNSAFE(units, count, run[i]);
	if (breaks == NULL)
		breaks = ubrk_open(UBRK_WORD, "", NULL, 0, &status);
	if (U_SUCCESS(status))
		ubrk_setText(breaks, units, count, &status);
	if (U_FAILURE(status))
		ereport(ERROR,
				(errcode(ERRCODE_EXTERNAL_ROUTINE_EXCEPTION),
				 errmsg("text could not be split into words"),
				 errdetail("ICU says: %s.", u_errorName(status))));
	(void) ubrk_first(breaks);
	while ((end = ubrk_next(breaks)) != UBRK_DONE)
	{
		/* Places in UTF-16 are not those in code points. */
		for (; at < end; to++)
			at += run[to] > 0xFFFF ? 2 : 1;
		take_unspaced(splitter, run + from, to - from);
		from = to;
	}
	pfree(units);
}

/* The normal form of a word by the dictionaries of its type; NULL for a stop word */
static const char *
lexize(TSConfigCacheEntry *config, int type, char *word, int length)
{
	ListDictionary *dictionaries;
	int			i;

	if (type >= config->lenmap)
		return NULL;
	dictionaries = &config->map[type];
	for (i = 0; i < dictionaries->len; i++)
	{
		TSDictionaryCacheEntry *dictionary = lookup_ts_dictionary_cache(dictionaries->dictIds[i]);
		DictSubState state = {false, false, NULL};
		TSLexeme   *found;

		found = (TSLexeme *) DatumGetPointer(FunctionCall4(&dictionary->lexize,
														   PointerGetDatum(dictionary->dictData),
														   PointerGetDatum(word), Int32GetDatum(length),
														   PointerGetDatum(&state)));
		if (found == NULL || state.getnext)
			continue;
		if (found->lexeme != NULL && (found->flags & TSL_FILTER) != 0)
		{
			word = found->lexeme;
			length = strlen(word);
			continue;
		}
		return found->lexeme;
	}
	return NULL;
}

static bool
is_word_type(Oid parser, int type)
{
	return parser != DEFAULT_PARSER || type == TYPE_ASCIIWORD || type == TYPE_WORD || type == TYPE_NUMWORD ||
		type == TYPE_NUMPART || type == TYPE_PART || type == TYPE_ASCIIPART;
}

/* Split a run of the other scripts */
static void
split_spaced(Splitter *splitter, const char *run, int length, TSConfigCacheEntry *config)
{
	TSParserCacheEntry *parser = lookup_ts_parser_cache(config->prsId);
	Datum		state = FunctionCall2(&parser->prsstart, PointerGetDatum(run), Int32GetDatum(length));
	char	   *word = NULL;
	int			word_length = 0;
	int			type;

	while ((type = DatumGetInt32(FunctionCall3(&parser->prstoken, state, PointerGetDatum(&word),
											   PointerGetDatum(&word_length)))) > 0)
	{
		const char *term;
		char	   *shown;
		int			term_length;

		CHECK_FOR_INTERRUPTS();
		if (!is_word_type(config->prsId, type))
			continue;
		splitter->place++;
		if (word_length < 2 || word_length > CD_MAX_WORD)
			continue;
		term = lexize(config, type, word, word_length);
		if (term == NULL || (term_length = strlen(term)) < 2 || term_length > CD_MAX_WORD)
			continue;
		/* A word at the head of a sentence is the same word. */
		shown = str_tolower(word, word_length, DEFAULT_COLLATION_OID);
		splitter->take(splitter->arg, term, term_length, shown, strlen(shown), splitter->place);
		pfree(shown);
	}
	FunctionCall1(&parser->prsend, state);
}

void
cd_words_of(const char *text, int length, Oid config, CdTakeWord take, void *arg)
{
	Splitter	splitter = {take, arg, 0};
	TSConfigCacheEntry *entry = lookup_ts_config_cache(config);
	const char *end = text + length;
	const char *at = text;

	while (at < end)
	{
		const char *from = at;
		bool		unspaced = false;
		CdText		run;

		while (at < end)
		{
			int			bytes = Min(pg_utf_mblen((const unsigned char *) at), (int) (end - at));
			bool		is = bytes > 1 && cd_is_unspaced(utf8_to_unicode((const unsigned char *) at));

			if (at == from)
				unspaced = is;
			else if (is != unspaced)
				break;
			at += bytes;
		}
		if (unspaced)
		{
			cd_text_decode(&run, from, at - from);
			split_unspaced(&splitter, run.cp, run.len);
			pfree(run.cp);
		}
		else
			split_spaced(&splitter, from, at - from, entry);
	}
}
