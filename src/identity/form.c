/*
 * form.c
 *		Turn a record's standard values into the compact form that blocking and
 *		scoring read, interning every token once.
 */
#include "postgres.h"

#include "customer_data.h"

#include "common/hashfn.h"
#include "identity/engine.h"
#include "identity/glance.h"
#include "mb/pg_wchar.h"
#include "text/chars.h"
#include "text/company.h"
#include "text/compare.h"
#include "text/similarity.h"
#include "text/standard.h"
#include "utils/builtins.h"

#define MAX_TOKENS_PER_SLOT		12

/* A piece of text under decoding. */
typedef struct Piece
{
	const char *text;
	int			len;
} Piece;

/* True for a byte that belongs to a word. */
static inline bool
is_word_byte(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || IS_HIGHBIT_SET(c);
}

static inline bool
is_letter_byte(char c)
{
	return is_word_byte(c) && !(c >= '0' && c <= '9');
}

static inline char
lower_byte(char c)
{
	return (c >= 'A' && c <= 'Z') ? c + ('a' - 'A') : c;
}

/* Copy a value with ASCII letters lowered; an apostrophe inside a word is dropped. */
static int
lowered(const char *text, int len, char *out, int max)
{
	int			n = 0;

	for (int i = 0; i < len && n < max; i++)
	{
		if (text[i] == '\'')
			continue;
		out[n++] = lower_byte(text[i]);
	}
	if (n == max)
		n = pg_mbcliplen(out, n, max - 1);
	return n;
}

/* Split a lowered value at whatever is no word byte. */
static int
split_words(const char *text, int len, Piece *piece, int max)
{
	int			n = 0;
	int			i = 0;

	while (i < len && n < max)
	{
		int			from;

		while (i < len && !is_word_byte(text[i]))
			i++;
		from = i;
		while (i < len && is_word_byte(text[i]))
			i++;
		if (i > from)
		{
			piece[n].text = text + from;
			piece[n].len = i - from;
			n++;
		}
	}
	return n;
}

/* Is the character at s one of these Han characters, each of three bytes? */
static bool
han_at(const char *s, const char *among)
{
	for (; *among != '\0'; among += 3)
	{
		if (memcmp(s, among, 3) == 0)
			return true;
	}
	return false;
}

/*
 * Split an address: words, and within a word of Han the digits, what kind of
 * way it is, and no counters of houses.
 */
static int
split_street(const char *text, int len, Piece *piece, int max)
{
	Piece		word[MAX_TOKENS_PER_SLOT];
	int			words = split_words(text, len, word, MAX_TOKENS_PER_SLOT);
	int			n = 0;

	for (int i = 0; i < words && n < max; i++)
	{
		const char *s = word[i].text;
		const char *end = s + word[i].len;

		if (cd_is_ascii(s, word[i].len))
		{
			piece[n++] = word[i];
			continue;
		}
		while (s < end && n < max)
		{
			const char *from = s;

			if (!IS_HIGHBIT_SET(*s))
			{
				while (s < end && !IS_HIGHBIT_SET(*s))
					s++;
			}
			else if (end - s >= 3 && han_at(s, "号室楼栋座层"))
			{
				s += 3;
				continue;
			}
			else
			{
				while (s < end && IS_HIGHBIT_SET(*s))
				{
					int			step = pg_mblen(s);

					if (step == 3 && s > from && (han_at(s, "路街道巷弄号室楼栋座层")))
						break;
					s += step;
					/* provinces, cities and districts are words of their own */
					if (step == 3 && s - from > 6 && han_at(s - 3, "省市区县镇村"))
						break;
				}
			}
			if (s == from)
			{
				s += 3;
				if (s > end)
					break;
			}
			piece[n].text = from;
			piece[n++].len = s - from;
		}
	}
	return n;
}

/* Keep letters and digits only. */
static int
squeezed(const char *text, int len, char *out, int max)
{
	int			n = 0;

	for (int i = 0; i < len && n < max; i++)
	{
		char		c = lower_byte(text[i]);

		if (is_word_byte(c))
			out[n++] = c;
	}
	if (n == max)
		n = pg_mbcliplen(out, n, max - 1);
	return n;
}

static bool
same_piece(const Piece *a, const Piece *b)
{
	return a->len == b->len && memcmp(a->text, b->text, a->len) == 0;
}

/* Name parts of one record, gathered over its name attributes. */
typedef struct Names
{
	Piece		piece[3 * MAX_TOKENS_PER_SLOT];
	uint8		role[3 * MAX_TOKENS_PER_SLOT];
	int			n;
	Piece		full[MAX_TOKENS_PER_SLOT];
	int			nfull;
	int			comma;			/* tokens of the full name before its comma */
	char		roman[3 * MAX_TOKENS_PER_SLOT][24]; /* Latin readings */
	int			nroman[3 * MAX_TOKENS_PER_SLOT];
	char		joined[16];		/* a given name of two syllables written apart */
	char		turned[16];		/* the same of the last two of a full name */
	int			generation;		/* by the mark behind a name, 0: none */
} Names;

/* Take the mark of generation off the end of a name of so many parts, if enough others are left. */
static int
take_generation(Names *names, const Piece *piece, int n, int others)
{
	int			generation = n > others ? cd_generation_of(piece[n - 1].text, piece[n - 1].len) : 0;

	if (generation == 0)
		return n;
	names->generation = generation;
	return n - 1;
}

/* Note a part of a name. */
static void
put_part(Names *names, const Piece *piece, uint8 role)
{
	if (names->n >= 3 * MAX_TOKENS_PER_SLOT)
		return;
	names->piece[names->n] = *piece;
	names->role[names->n++] = role;
}

/* Note the parts of a given, middle or family name; what stands there and is none is a title. */
static void
put_parts(Names *names, const Piece *piece, int n, int part)
{
	if (n == 1 && part != CD_ROLE_MIDDLE && (cd_is_title(piece->text, piece->len, part == CD_ROLE_FAMILY) ||
											 cd_generation_of(piece->text, piece->len) > 0))
	{
		put_part(names, piece, CD_ROLE_TITLE);
		(void) take_generation(names, piece, 1, 0);
		return;
	}
	n = take_generation(names, piece, n, part == CD_ROLE_MIDDLE ? 0 : 1);
	/* further given names are middle names */
	for (int i = 0; i < n; i++)
		put_part(names, &piece[i], part == CD_ROLE_GIVEN && i > 0 ? CD_ROLE_MIDDLE : part);
}

/* Split a Han name written as one word into family and given name. */
static void
split_han_name(Names *names)
{
	Piece		whole = names->full[0];
	uint32		cp[16];
	int			count;
	int			family;
	int			bytes;

	if (whole.len > (int) lengthof(cp) * 3 || whole.len < 6)
		return;
	count = pg_mbstrlen_with_len(whole.text, whole.len);
	if (count > 5 || count * 3 != whole.len)
		return;
	cd_utf8_decode(whole.text, whole.len, cp);
	for (int i = 0; i < count; i++)
	{
		if (!cd_is_han(cp[i]))
			return;
	}
	family = Max(cd_han_family_length(cp, count), 1);
	if (family >= count)
		return;
	bytes = family * 3;
	names->full[0].len = bytes;
	names->full[1].text = whole.text + bytes;
	names->full[1].len = whole.len - bytes;
	names->nfull = 2;
	names->comma = 1;
}

/* Read names of other scripts in Latin, for comparison with mailboxes. */
static void
read_names(Names *names)
{
	for (int i = 0; i < names->n; i++)
	{
		names->nroman[i] = 0;
		if (!cd_is_ascii(names->piece[i].text, names->piece[i].len))
			names->nroman[i] = cd_read_latin(names->piece[i].text, names->piece[i].len,
										  names->role[i] == CD_ROLE_FAMILY, names->roman[i], sizeof(names->roman[i]));
	}
}

/* Also take two short given names as one: Qing Long is Qinglong. */
static void
join_syllables(Names *names)
{
	int			given = -1;
	int			middle = -1;
	int			others = 0;

	for (int i = 0; i < names->n; i++)
	{
		if (names->role[i] == CD_ROLE_GIVEN)
			given = i;
		else if (names->role[i] == CD_ROLE_MIDDLE)
		{
			middle = i;
			others++;
		}
	}
	if (given < 0 || others != 1 || names->piece[given].len > 6 || names->piece[middle].len > 6 ||
		names->piece[given].len < 2 || names->piece[middle].len < 2 ||
		names->n >= 3 * MAX_TOKENS_PER_SLOT)
		return;
	memcpy(names->joined, names->piece[given].text, names->piece[given].len);
	memcpy(names->joined + names->piece[given].len, names->piece[middle].text, names->piece[middle].len);
	names->piece[names->n].text = names->joined;
	names->piece[names->n].len = names->piece[given].len + names->piece[middle].len;
	names->role[names->n++] = CD_ROLE_JOINED;
}

/* Count the syllables of a part of a name that may be pinyin; 0: it is none. */
static int
syllables_of(const Piece *piece)
{
	uint32		cp[16];

	if (piece->len > (int) lengthof(cp) || !cd_is_ascii(piece->text, piece->len))
		return 0;
	for (int i = 0; i < piece->len; i++)
		cp[i] = (unsigned char) piece->text[i];
	return cd_pinyin_syllables(cp, piece->len);
}

/*
 * Chinese names in Latin letters are written in either order.  By its parts a
 * full name tells that the family name stands first where the first part is a
 * Chinese family name and the last is none but pinyin (Lu Yuxin, Jia Ying Wei),
 * also behind a Western name (Gao Matthias Sihan).  Where both may be, the last
 * two are noted as one word, too: Lin Jia Hui.
 */
static void
turn_chinese_name(Names *names)
{
	const Piece *first = &names->full[0];
	const Piece *last = &names->full[names->nfull - 1];
	int			syllables;
	int			before;

	if (names->comma > 0 || names->nfull < 2 || names->nfull > 4 || !cd_reads_chinese_family(first->text, first->len))
		return;
	syllables = syllables_of(last);
	before = names->nfull > 2 ? syllables_of(last - 1) : 0;
	if (syllables == 0 || syllables > 2 || syllables_of(first) == 0)
		return;
	if (names->nfull == 3 && before == 1 && syllables == 1 && last->len + (last - 1)->len <= (int) sizeof(names->turned) &&
		cd_reads_chinese_family(last->text, last->len))
	{
		memcpy(names->turned, (last - 1)->text, (last - 1)->len);
		memcpy(names->turned + (last - 1)->len, last->text, last->len);
		put_part(names, &(Piece) {names->turned, (last - 1)->len + last->len}, CD_ROLE_TURNED);
		return;
	}
	if ((names->nfull < 4 && cd_reads_chinese_family(last->text, last->len)) ||
		(names->nfull == 4 && (before != 1 || syllables != 1 || syllables_of(first + 1) > 0)) ||
		(names->nfull == 2 && syllables != 2) || (names->nfull == 3 && before == 1 && syllables != 1) || before > 1)
		return;
	names->comma = 1;
}

/* Give the tokens of a full name their role, beside the parts known. */
static void
settle_names(Names *names)
{
	bool		has_given = false;
	bool		has_family = false;
	int			nparts;

	if (names->n == 0 && names->nfull == 1)
		split_han_name(names);
	nparts = names->n;
	if (nparts == 0)
		turn_chinese_name(names);
	for (int i = 0; i < names->n; i++)
	{
		has_given |= names->role[i] == CD_ROLE_GIVEN;
		has_family |= names->role[i] == CD_ROLE_FAMILY;
	}
	for (int i = 0; i < names->nfull && names->n < 3 * MAX_TOKENS_PER_SLOT; i++)
	{
		bool		known = false;
		uint8		role = CD_ROLE_MIDDLE;

		for (int j = 0; j < nparts && !known; j++)
			known = same_piece(&names->full[i], &names->piece[j]);
		if (known)
			continue;
		if (!has_given && !has_family)
		{
			if (names->comma > 0)
				role = i < names->comma ? CD_ROLE_FAMILY :
					i == names->comma ? CD_ROLE_GIVEN : CD_ROLE_MIDDLE;
			else if (i == names->nfull - 1)
				role = CD_ROLE_FAMILY;
			else if (i == 0)
				role = CD_ROLE_GIVEN;
		}
		else if (!has_family && i == names->nfull - 1)
			role = CD_ROLE_FAMILY;
		else if (!has_given && i == 0)
			role = CD_ROLE_GIVEN;
		names->piece[names->n] = names->full[i];
		names->role[names->n] = role;
		names->n++;
	}
}

/* Read a date's parts in the order year, month, day; 0 for what is not there. */
static uint32
pack_birth(const char *text, int len)
{
	int			part[3] = {0, 0, 0};
	int			digits[3] = {0, 0, 0};
	int			n = 0;
	bool		in = false;

	for (int i = 0; i < len; i++)
	{
		if (text[i] >= '0' && text[i] <= '9')
		{
			if (!in)
			{
				if (n == 3)
					break;
				n++;
				in = true;
			}
			if (digits[n - 1] < 8)
			{
				part[n - 1] = part[n - 1] * 10 + (text[i] - '0');
				digits[n - 1]++;
			}
		}
		else
			in = false;
	}
	if (n == 1 && digits[0] == 8)
	{
		part[2] = part[0] % 100;
		part[1] = part[0] / 100 % 100;
		part[0] = part[0] / 10000;
	}
	else if (n == 3 && digits[0] <= 2 && digits[2] == 4)
	{
		int			swap = part[0];

		part[0] = part[2];
		part[2] = swap;
	}
	else if (n == 0)
		return 0;
	return ((uint32) Min(part[0], 9999) << 16) | ((uint32) Min(part[1], 255) << 8) | (uint32) Min(part[2], 255);
}

/*
 * Estimate in bits what a mailbox says beyond the name of its owner: strip the
 * name's tokens and initials, count what remains.
 */
static uint32
mailbox_bits(const char *mailbox, int len, const Names *names)
{
	bool		covered[256] = {false};
	uint32		bits = 0;

	len = Min(len, 256);
	for (int i = 0; i < names->n; i++)
	{
		Piece		p = names->piece[i];

		if (names->nroman[i] > 0)
		{
			p.text = names->roman[i];
			p.len = names->nroman[i];
		}
		if (p.len < 2)
			continue;
		for (int at = 0; at + p.len <= len; at++)
		{
			if (memcmp(mailbox + at, p.text, p.len) == 0)
			{
				memset(covered + at, true, p.len);
				break;
			}
		}
	}
	for (int i = 0; i < len; i++)
	{
		bool		initial = false;

		if (covered[i] || !is_word_byte(mailbox[i]))
			continue;
		/* one letter beside a name, a number or a dot, if it starts one of the names */
		for (int j = 0; j < names->n && !initial; j++)
			initial = (names->nroman[j] > 0 ? names->roman[j][0] : names->piece[j].text[0]) == mailbox[i];
		if (initial && (i + 1 == len || covered[i + 1] || !is_letter_byte(mailbox[i + 1])) &&
			(i == 0 || covered[i - 1] || !is_letter_byte(mailbox[i - 1])))
			continue;
		bits += (mailbox[i] >= '0' && mailbox[i] <= '9') ? 3 : 4;
	}
	return Min(bits, 24);
}

/* Append a word to a slot unless the slot holds it already. */
static void
put_word(uint32 *word, int *n, int from, uint32 value)
{
	for (int i = from; i < *n; i++)
	{
		if (word[i] == value)
			return;
	}
	if (*n - from <= MAX_TOKENS_PER_SLOT && *n < CD_FORM_WORDS)
		word[(*n)++] = value;
}

/* A name written without spaces is its pairs of neighbouring characters. */
static void
put_bigrams(CdDictionary *dict, uint8 space, uint32 *word, int *n, int from, const Piece *piece)
{
	const char *s = piece->text;
	const char *end = s + piece->len;

	while (s < end)
	{
		const char *second = s + pg_mblen(s);

		if (second >= end)
			break;
		put_word(word, n, from, cd_dictionary_intern(dict, space, s, second + pg_mblen(second) - s));
		s = second;
	}
}

/*
 * How a place is written: in Han, in Latin letters that may or cannot read
 * Han as Chinese, or in another script.
 */
static uint32
place_writing(const Piece *place)
{
	uint32		cp[64];
	uint32		letter[64];
	int			n = cd_utf8_decode(place->text, pg_mbcliplen(place->text, place->len, 64), cp);
	int			letters = 0;

	for (int i = 0; i < n; i++)
	{
		if (cd_is_han(cp[i]))
			return CD_PLACE_HAN;
		if (cp[i] >= 0x80 && cd_script(cp[i]) != CD_SCRIPT_LATIN && cd_class(cp[i]) == CD_CHAR_LETTER)
			return CD_PLACE_OTHER;
		if (cp[i] >= 'a' && cp[i] <= 'z')
			letter[letters++] = cp[i];
	}
	return cd_is_pinyin(letter, letters) ? CD_PLACE_PINYIN : CD_PLACE_LATIN;
}

/* A house number starts with a digit; 44th and 3rd name streets. */
static bool
is_number(const Piece *word)
{
	const char *end = word->text + word->len - 2;

	if (word->text[0] < '0' || word->text[0] > '9')
		return false;
	return word->len < 3 || !(strncmp(end, "th", 2) == 0 || strncmp(end, "st", 2) == 0 ||
							  strncmp(end, "nd", 2) == 0 || strncmp(end, "rd", 2) == 0);
}

/* Is a word part of the record's city or region? */
static bool
in_places(const CdLayout *layout, Piece value[CD_MAX_SLOTS][3], const int *nvalues, const Piece *word)
{
	for (int s = 0; s < layout->nslots; s++)
	{
		Piece		part[MAX_TOKENS_PER_SLOT];
		int			n;

		if (layout->slot[s].kind != CD_SLOT_PLACE || nvalues[s] == 0)
			continue;
		n = split_words(value[s]->text, value[s]->len, part, MAX_TOKENS_PER_SLOT);
		for (int i = 0; i < n; i++)
		{
			if (same_piece(&part[i], word))
				return true;
		}
	}
	return false;
}

/*
 * A number or code, and what tells two that differ by more than a letter:
 * codes of one length with one letter changed, or two neighbours exchanged,
 * have the first half in common or the last.
 */
static void
put_code(CdDictionary *dict, uint8 space, uint32 *word, int *nwords, const char *text, int len)
{
	uint32		id = cd_dictionary_intern(dict, space, text, len);
	const CdToken *t = &dict->token[id];
	const char *s = CD_TOKEN_TEXT(dict, id);
	int			half = (t->len - 1) / 2;

	word[(*nwords)++] = id;
	word[(*nwords)++] = !t->ascii ? 0 :
		(uint32) t->len << 26 | ((uint32) cd_hash64(1, s, half) & 0x1FFF) << 13 | ((uint32) cd_hash64(2, s + t->len - half, half) & 0x1FFF);
}

/*
 * Build the form of a record from its standard values, positions being
 * attribute ordinals.  "into" must have room for CD_FORM_WORDS words.
 */
CdForm *
cd_form_build(CdLayout *layout, CdDictionary *dict, Datum *standard, bool *isnull, int n, CdForm *into)
{
	static char buffer[8192];
	int			used = 0;
	Names		names;
	Piece		value[CD_MAX_SLOTS][3];
	int			nvalues[CD_MAX_SLOTS];
	int			nwords = 0;
	char		generation[12];

	names.n = names.nfull = names.comma = names.generation = 0;
	memset(nvalues, 0, sizeof(nvalues));

	/* gather the lowered values, names apart */
	for (int i = 0; i < n && i < layout->nattributes; i++)
	{
		CdUse *attribute = &layout->attribute[i + 1];
		text	   *t;
		char	   *low;
		int			len;

		if (isnull[i] || attribute->slot < 0 || used > (int) sizeof(buffer) - 600)
			continue;
		t = DatumGetTextPP(standard[i]);
		low = buffer + used;
		len = lowered(VARDATA_ANY(t), VARSIZE_ANY_EXHDR(t), low, 512);
		while (len > 0 && low[len - 1] == ' ')
			len--;
		if (len == 0)
			continue;
		used += len + 1;
		if (layout->slot[attribute->slot].kind == CD_SLOT_NAME)
		{
			if (attribute->part < 0)
			{
				const char *comma = memchr(low, ',', len);

				names.nfull = split_words(low, len, names.full, MAX_TOKENS_PER_SLOT);
				while (names.nfull > 1 && cd_is_rank(names.full[names.nfull - 1].text, names.full[names.nfull - 1].len) &&
					   cd_generation_of(names.full[names.nfull - 2].text, names.full[names.nfull - 2].len) > 0)
				{
					put_part(&names, &names.full[names.nfull - 1], CD_ROLE_TITLE);
					names.generation = cd_generation_of(names.full[names.nfull - 2].text, names.full[names.nfull - 2].len);
					names.nfull -= 2;
				}
				/* Ii is a name, too */
				names.nfull = take_generation(&names, names.full, names.nfull, low[len - 1] == 'r' ? 1 : 2);
				for (int j = 0; comma != NULL && j < names.nfull; j++)
				{
					if (names.full[j].text < comma)
						names.comma = j + 1;
				}
				if (names.comma == names.nfull)
					names.comma = 0;
			}
			else
			{
				Piece		piece[MAX_TOKENS_PER_SLOT];
				int			k = split_words(low, len, piece, MAX_TOKENS_PER_SLOT);

				put_parts(&names, piece, k, attribute->part);
			}
		}
		else if (nvalues[attribute->slot] < 3)
		{
			value[attribute->slot][nvalues[attribute->slot]].text = low;
			value[attribute->slot][nvalues[attribute->slot]].len = len;
			nvalues[attribute->slot]++;
		}
	}
	if (layout->generation_slot >= 0)
	{
		int			s = layout->generation_slot;

		if (names.generation == 0 && nvalues[s] > 0)
		{
			Piece		mark;

			if (split_words(value[s]->text, value[s]->len, &mark, 1) == 1)
				names.generation = cd_generation_of(mark.text, mark.len);
		}
		nvalues[s] = names.generation > 0;
		value[s]->text = generation;
		value[s]->len = snprintf(generation, sizeof(generation), "%d", names.generation);
	}
	settle_names(&names);
	join_syllables(&names);
	read_names(&names);
	if (names.n == 0 && layout->account_slot >= 0)
	{
		/* the company is the customer itself */
		for (int s = 0; s < layout->nslots; s++)
		{
			if (layout->slot[s].kind == CD_SLOT_COMPANY && s != layout->account_slot && nvalues[s] > 0)
			{
				value[layout->account_slot][0] = value[s][0];
				nvalues[layout->account_slot] = 1;
				nvalues[s] = 0;
			}
		}
	}

	for (int s = 0; s < layout->nslots; s++)
	{
		CdSlotKind	kind = layout->slot[s].kind;
		Piece	   *v = value[s];
		int			from = nwords;
		char		tight[600];
		bool		google;
		int			len;

		into->start[s] = nwords;
		if (kind == CD_SLOT_NAME)
		{
			for (int i = 0; i < names.n; i++)
				put_word(into->word, &nwords, from,
						 cd_dictionary_intern_read(dict, CD_SPACE_NAME, names.piece[i].text, names.piece[i].len,
												   names.role[i] == CD_ROLE_FAMILY) |
						 ((uint32) names.role[i] << CD_ROLE_SHIFT));
			continue;
		}
		if (nvalues[s] == 0)
			continue;
		switch (kind)
		{
			case CD_SLOT_BIRTH:
				{
					uint32		packed = pack_birth(v->text, v->len);

					if (packed != 0)
					{
						char		date[12];

						into->word[nwords++] = packed;
						into->word[nwords++] = cd_dictionary_intern(dict, CD_SPACE_SLOT + s, date,
																	snprintf(date, sizeof(date), "%u", packed));
					}
				}
				break;
			case CD_SLOT_EMAIL:
				{
					const char *at = memchr(v->text, '@', v->len);
					const char *domain = at + 1;
					int			domainlen;
					int			boxlen = 0;

					if (at == NULL || at == v->text)
						break;
					domainlen = v->len - (int) (domain - v->text);
					google = (domainlen == 9 && strncmp(domain, "gmail.com", 9) == 0) ||
						(domainlen == 14 && strncmp(domain, "googlemail.com", 14) == 0);
					/* what follows a plus is a label; Google reads no dots */
					for (const char *c = v->text; c < at && !(*c == '+' && boxlen > 0); c++)
					{
						if (!(google && *c == '.'))
							tight[boxlen++] = *c;
					}
					if (google)
					{
						domain = "gmail.com";
						domainlen = 9;
					}
					into->word[nwords++] = cd_dictionary_intern(dict, CD_SPACE_MAILBOX, tight, boxlen);
					into->word[nwords++] = cd_dictionary_intern(dict, CD_SPACE_DOMAIN, domain, domainlen);
					into->word[nwords++] = mailbox_bits(tight, boxlen, &names);
					tight[boxlen] = '@';
					memcpy(tight + boxlen + 1, domain, domainlen);
					into->word[nwords++] = cd_dictionary_intern(dict, CD_SPACE_SLOT + s, tight, boxlen + 1 + domainlen);
					/* how the mailbox looks at a glance */
					into->word[nwords] = dict->glance[into->word[from]].letters;
					into->word[nwords + 1] = cd_pack_glance(&dict->glance[into->word[from]]);
					nwords += 2;
				}
				break;
			case CD_SLOT_PHONE:
				len = 0;
				for (int i = 0; i < v->len && len < 20; i++)
				{
					if (v->text[i] >= '0' && v->text[i] <= '9')
						tight[len++] = v->text[i];
				}
				if (len >= 5)
				{
					/* country and trunk prefixes are written or not */
					int			skip = len > 10 ? len - 10 : 0;

					while (skip < len - 5 && tight[skip] == '0')
						skip++;
					put_code(dict, CD_SPACE_SLOT + s, into->word, &nwords, tight + skip, len - skip);
				}
				break;
			case CD_SLOT_STREET:
				{
					uint32		number[MAX_TOKENS_PER_SLOT];
					int			nnumbers = 0;
					int			at = nwords++;

					for (int k = 0; k < nvalues[s]; k++)
					{
						Piece		piece[MAX_TOKENS_PER_SLOT];
						int			np = split_street(v[k].text, v[k].len, piece, MAX_TOKENS_PER_SLOT);

						for (int i = 0; i < np; i++)
						{
							if (is_number(&piece[i]))
							{
								uint32		id = cd_dictionary_intern(dict, CD_SPACE_NUMBER, piece[i].text, piece[i].len);
								bool		seen = false;

								for (int j = 0; j < nnumbers; j++)
									seen |= number[j] == id;
								if (!seen && nnumbers < 6)
									number[nnumbers++] = id;
							}
						}
					}
					for (int i = 0; i < nnumbers; i++)
						into->word[nwords++] = number[i];
					into->word[at] = nnumbers;
					from = nwords;
					for (int k = 0; k < nvalues[s]; k++)
					{
						Piece		piece[MAX_TOKENS_PER_SLOT];
						int			np = split_street(v[k].text, v[k].len, piece, MAX_TOKENS_PER_SLOT);

						for (int i = 0; i < np; i++)
						{
							if (!is_number(&piece[i]))
								put_word(into->word, &nwords, from,
										 cd_dictionary_intern_read(dict, CD_SPACE_WORD, piece[i].text, piece[i].len, false));
						}
					}
					if (nwords == at + 1)
						nwords = at;
				}
				break;
			case CD_SLOT_COMPANY:
				{
					Piece		piece[MAX_TOKENS_PER_SLOT];
					int			np = split_words(v->text, v->len, piece, MAX_TOKENS_PER_SLOT);
					uint8		space = cd_slot_space(layout, s);
					int			telling = 0;
					const char *full;

					/* the town in a name says no more than the town */
					for (int i = 0; i < np; i++)
						telling += !in_places(layout, value, nvalues, &piece[i]);
					for (int i = 0; i < np; i++)
					{
						if (telling != 0 && in_places(layout, value, nvalues, &piece[i]))
							continue;
						full = cd_company_word(piece[i].text, piece[i].len);
						if (full != NULL)
							put_word(into->word, &nwords, from, cd_dictionary_intern(dict, space, full, strlen(full)));
						else if (IS_HIGHBIT_SET(piece[i].text[0]) && piece[i].len > 6)
							put_bigrams(dict, space, into->word, &nwords, from, &piece[i]);
						else
							put_word(into->word, &nwords, from,
									 cd_dictionary_intern(dict, space, piece[i].text, piece[i].len));
					}
				}
				break;
			case CD_SLOT_POSTCODE:
				len = squeezed(v->text, v->len, tight, sizeof(tight));
				if (len > 0)
					into->word[nwords++] = cd_dictionary_intern(dict, CD_SPACE_SLOT + s, tight, len);
				break;
			case CD_SLOT_CODE:
				len = squeezed(v->text, v->len, tight, sizeof(tight));
				if (len > 0)
					put_code(dict, CD_SPACE_SLOT + s, into->word, &nwords, tight, len);
				break;
			case CD_SLOT_PLACE:
				/* a town is the same in either script */
				if (!cd_is_ascii(v->text, v->len) && (len = cd_read_latin(v->text, v->len, false, tight, 100)) > 0)
					into->word[nwords++] = cd_dictionary_intern(dict, CD_SPACE_SLOT + s, tight, len);
				else
					into->word[nwords++] = cd_dictionary_intern(dict, CD_SPACE_SLOT + s, v->text, v->len);
				into->word[nwords++] = place_writing(v);
				break;
			default:
				into->word[nwords++] = cd_dictionary_intern(dict, CD_SPACE_SLOT + s, v->text, v->len);
				break;
		}
		if (nwords > CD_FORM_WORDS - 2 * MAX_TOKENS_PER_SLOT)
			nwords = Min(nwords, CD_FORM_WORDS - 2 * MAX_TOKENS_PER_SLOT);
	}
	into->start[layout->nslots] = nwords;
	return into;
}

Size
cd_form_size(const CdLayout *layout, const CdForm *form)
{
	return offsetof(CdForm, word) + sizeof(uint32) * form->start[layout->nslots];
}
