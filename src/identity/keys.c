/*
 * keys.c
 *		The blocking keys of a form.
 *
 * A key is worth log2(N / records that hold it) bits.  A key that implies
 * others (a whole date its parts, a word its sound) adds only what it says
 * beyond them, so that bits can be summed over shared keys in any order.
 * A key in too many records is not followed by itself, but together with
 * another of its kind.
 */
#include "postgres.h"

#include "customer_data.h"

#include <math.h>

#include "identity/engine.h"

/* Kinds of derived keys, mixed into their hash. */
enum
{
	KEY_SOUND = 101,
	KEY_START,
	KEY_END,
	KEY_YEAR_MONTH,
	KEY_YEAR_DAY,
	KEY_MONTH_DAY,
	KEY_DATE,
	KEY_HALF1,
	KEY_HALF2,
	KEY_DISTRICT,
	KEY_WHOLE,
	KEY_PAIR
};

#define MAX_COMBINED	7
#define COMBINED_FACTOR	0.7f
#define SURE_BITS		100.0f

typedef struct KeyList
{
	CdKey	   *key;
	int			n;
	uint8		group;
	bool		sure;
	bool		named;
	bool		whole;
} KeyList;

/* Keys that the next key implies. */
typedef struct Parts
{
	int			n;
	uint8		at[3];
} Parts;

/* Append a key unless the record has it already; note it among parts if given. */
static void
add_key(KeyList *list, uint64 hash, float factor, const Parts *implied, Parts *noted, bool combine)
{
	CdKey	   *k;
	int			at;

	for (at = 0; at < list->n && list->key[at].hash != hash; at++)
		;
	if (at == CD_MAX_KEYS)
		return;
	if (noted != NULL)
		noted->at[noted->n++] = at;
	if (at < list->n)
		return;
	k = &list->key[list->n++];
	k->hash = hash;
	k->factor = factor;
	k->bits = 0;
	k->group = list->group;
	k->combine = combine;
	k->sure = list->sure;
	k->named = list->named;
	k->whole = list->whole;
	k->parts = implied != NULL ? implied->n : 0;
	for (int i = 0; i < k->parts; i++)
		k->part[i] = implied->at[i];
}

static inline uint64
number_hash(int kind, uint32 value)
{
	return cd_hash64(kind, (const char *) &value, sizeof(value));
}

/* Of all words of a name, in any order. */
static uint64
whole_hash(const CdDictionary *dict, const uint32 *w, int n)
{
	uint64		sum = 0;

	for (int i = 0; i < n; i++)
		sum += dict->token[w[i]].hash;
	return cd_hash64(KEY_WHOLE, (const char *) &sum, sizeof(sum));
}

/* Length in bytes of the first n code points. */
static int
start_bytes(const char *s, int len, int n)
{
	int			i = 0;

	while (i < len && n > 0)
	{
		i++;
		while (i < len && (s[i] & 0xC0) == 0x80)
			i++;
		n--;
	}
	return i;
}

/* Keys of a word: its sound, its start, its end, itself. */
static void
word_keys(KeyList *list, const CdDictionary *dict, uint32 id, bool ends)
{
	const CdToken *t = &dict->token[id];
	const char *s = CD_TOKEN_TEXT(dict, id);
	Parts		parts = {0};

	if (t->chars < 2 && t->ascii)
		return;
	if (dict->glance[id].roman != id)
		word_keys(list, dict, dict->glance[id].roman, ends);
	list->group++;
	if (t->sound[0] != '\0' && t->sound[1] != '\0' && t->chars >= 3)
		add_key(list, cd_hash64(KEY_SOUND + t->space * 1000, t->sound, strlen(t->sound)), 0.8f, NULL, &parts, true);
	if (t->chars >= 5)
		add_key(list, cd_hash64(KEY_START + t->space * 1000, s, start_bytes(s, t->len, 4)), 0.6f, NULL, &parts, true);
	if (ends && t->chars >= 6 && t->ascii)
		add_key(list, cd_hash64(KEY_END + t->space * 1000, s + t->len - 4, 4), 0.6f, NULL, &parts, false);
	add_key(list, t->hash, 1.0f, &parts, NULL, true);
}

/* Keys of an identifier: its halves and itself. */
static void
code_keys(KeyList *list, const CdDictionary *dict, uint32 id, bool identifier)
{
	const CdToken *t = &dict->token[id];
	const char *s = CD_TOKEN_TEXT(dict, id);
	Parts		parts = {0};

	list->group++;
	if (t->len >= 6)
	{
		add_key(list, cd_hash64(KEY_HALF1 + t->space * 1000, s, t->len / 2), 0.8f, NULL, &parts, false);
		add_key(list, cd_hash64(KEY_HALF2 + t->space * 1000, s + t->len / 2, t->len - t->len / 2), 0.8f, NULL, &parts, false);
	}
	list->sure = identifier;
	add_key(list, t->hash, 1.0f, &parts, NULL, false);
	list->sure = false;
}

/* The keys of a form, without their bits. */
int
cd_simple_keys(CdEngine *engine, const CdForm *form, CdKey *key)
{
	const CdLayout *layout = engine->layout;
	const CdDictionary *dict = engine->dict;
	KeyList		list = {key, 0, 0, false, false, false};

	for (int s = 0; s < layout->nslots; s++)
	{
		const uint32 *w = form->word + form->start[s];
		int			n = form->start[s + 1] - form->start[s];

		if (n == 0)
			continue;
		list.group++;
		switch (layout->slot[s].kind)
		{
			case CD_SLOT_NAME:
				for (int i = 0; i < n; i++)
					word_keys(&list, dict, w[i] & CD_TOKEN_MASK, true);
				break;
			case CD_SLOT_BIRTH:
				{
					uint32		y = w[0] >> 16,
								m = (w[0] >> 8) & 255,
								d = w[0] & 255;
					Parts		parts = {0};

					if (y != 0 && m != 0)
						add_key(&list, number_hash(KEY_YEAR_MONTH, (y << 8) | m), 0.85f, NULL, &parts, true);
					if (y != 0 && d != 0)
						add_key(&list, number_hash(KEY_YEAR_DAY, (y << 8) | d), 0.85f, NULL, &parts, true);
					if (m != 0 && d != 0)
						add_key(&list, number_hash(KEY_MONTH_DAY, (Min(m, d) << 8) | Max(m, d)), 0.85f, NULL, &parts, true);
					if (parts.n == 3)
						add_key(&list, number_hash(KEY_DATE, w[0]), 1.0f, &parts, NULL, true);
				}
				break;
			case CD_SLOT_EMAIL:
				add_key(&list, dict->token[w[1]].hash, 0.9f, NULL, NULL, false);
				word_keys(&list, dict, w[0], true);
				list.sure = layout->slot[s].identifier > 0;
				add_key(&list, dict->token[w[3]].hash, 1.0f, NULL, NULL, false);
				list.sure = false;
				break;
			case CD_SLOT_STREET:
				for (uint32 i = 0; i < w[0]; i++)
				{
					list.group++;
					add_key(&list, dict->token[w[1 + i]].hash, 1.0f, NULL, NULL, true);
				}
				for (int i = 1 + w[0]; i < n; i++)
					word_keys(&list, dict, w[i], false);
				break;
			case CD_SLOT_COMPANY:
				list.named = s == layout->account_slot;
				for (int i = 0; i < n; i++)
					word_keys(&list, dict, w[i], false);
				list.whole = list.named;
				list.named = false;
				if (list.whole)
					add_key(&list, whole_hash(dict, w, n), 1.0f, NULL, NULL, false);
				list.whole = false;
				break;
			case CD_SLOT_POSTCODE:
				{
					const CdToken *t = &dict->token[w[0]];
					const char *text = CD_TOKEN_TEXT(dict, w[0]);
					Parts		parts = {0};

					if (t->len >= 4)
						add_key(&list, cd_hash64(KEY_DISTRICT, text,
														  t->len - (text[0] >= 'a' && t->len >= 5 ? 3 : 1)), 1.0f, NULL, &parts, true);
					add_key(&list, t->hash, 1.0f, &parts, NULL, true);
				}
				break;
			case CD_SLOT_PHONE:
			case CD_SLOT_CODE:
				code_keys(&list, dict, w[0], layout->slot[s].identifier > 0);
				break;
			case CD_SLOT_PLACE:
			case CD_SLOT_VALUE:
				add_key(&list, dict->token[w[0]].hash, 1.0f, NULL, NULL, true);
				break;
			case CD_SLOT_CLASS:
				break;
		}
	}
	return list.n;
}

/* Every hash whose frequency the model wants to know: keys and other tokens. */
int
cd_form_hashes(CdEngine *engine, const CdForm *form, uint64 *hash, int max)
{
	const CdLayout *layout = engine->layout;
	CdKey		key[CD_MAX_KEYS];
	int			n = cd_simple_keys(engine, form, key);
	int			nkeys = n;

	for (int i = 0; i < n; i++)
		hash[i] = key[i].hash;
	for (int s = 0; s < layout->nslots; s++)
	{
		CdSlotKind	kind = layout->slot[s].kind;
		const uint32 *w = form->word + form->start[s];
		int			len = form->start[s + 1] - form->start[s];

		for (int i = 0; i < len; i++)
		{
			uint64		h;
			bool		known = false;

			if ((kind == CD_SLOT_BIRTH || kind == CD_SLOT_STREET) && i == 0)
				continue;
			if ((kind == CD_SLOT_EMAIL && (i == 2 || i > 3)) ||
				((kind == CD_SLOT_PLACE || kind == CD_SLOT_PHONE || kind == CD_SLOT_CODE) && i == 1))
				continue;
			h = engine->dict->token[w[i] & CD_TOKEN_MASK].hash;
			for (int j = 0; j < nkeys && !known; j++)
				known = hash[j] == h;
			if (!known && n < max)
				hash[n++] = h;
		}
	}
	return n;
}

/*
 * The keys of a form that are followed, with their bits; oversize keys are
 * combined by two.
 */
int
cd_form_keys(CdEngine *engine, const CdForm *form, CdKey *key)
{
	const CdStatistics *stats = engine->stats;
	float		all = log2(stats->records);
	float		names = cd_statistics_bits(stats, cd_space_hash(CD_SPACE_ACCOUNT)) / 8.0f;
	float		largest = log2((double) Max(engine->model->oversize, 2));
	CdKey		simple[CD_MAX_KEYS];
	CdKey	   *wide[MAX_COMBINED];
	float		wide_bits[MAX_COMBINED];
	float		named_bits = 0;
	int			nwide = 0;
	int			n = cd_simple_keys(engine, form, simple);
	int			kept = 0;

	for (int i = 0; i < n; i++)
		cd_statistics_prefetch(stats, simple[i].hash);
	for (int i = 0; i < n; i++)
	{
		float		df = cd_statistics_bits(stats, simple[i].hash) / 8.0f;
		float		bits = Max(all - df, 0);

		/* a company recorded hundreds of times does not make its name a common one */
		if (simple[i].named)
			bits = Max(bits, names - cd_statistics_bits(stats, cd_distinct_hash(simple[i].hash)) / 8.0f);
		/* the whole name adds what its words leave of one name among all */
		if (simple[i].whole)
			bits = Max(names - named_bits, 0);
		if (df > largest)
		{
			simple[i].bits = 0;
			if (simple[i].combine && bits >= 2)
			{
				/* of one group the rarest, over groups the rarest ones */
				int			at = -1;

				for (int j = 0; j < nwide && at < 0; j++)
				{
					if (wide[j]->group == simple[i].group)
						at = j;
				}
				if (at < 0 && nwide < MAX_COMBINED)
					at = nwide++;
				else if (at < 0)
				{
					at = 0;
					for (int j = 1; j < nwide; j++)
					{
						if (wide_bits[j] < wide_bits[at])
							at = j;
					}
					if (wide_bits[at] >= bits)
						continue;
				}
				else if (wide_bits[at] >= bits)
					continue;
				wide[at] = &simple[i];
				wide_bits[at] = bits;
			}
			continue;
		}
		simple[i].bits = bits * simple[i].factor;
		for (int j = 0; j < simple[i].parts; j++)
			simple[i].bits -= simple[simple[i].part[j]].bits;
		if (simple[i].sure)
			simple[i].bits = SURE_BITS;
		if (simple[i].named)
			named_bits += simple[i].bits;
		key[kept++] = simple[i];
	}
	for (int i = 0; i < nwide; i++)
	{
		for (int j = i + 1; j < nwide && kept < CD_MAX_KEYS; j++)
		{
			uint64		pair[2];
			float		df;
			CdKey	   *k;

			pair[0] = Min(wide[i]->hash, wide[j]->hash);
			pair[1] = Max(wide[i]->hash, wide[j]->hash);
			k = &key[kept];
			k->hash = cd_hash64(KEY_PAIR, (const char *) pair, sizeof(pair));
			df = cd_statistics_bits(stats, k->hash) / 8.0f;
			k->factor = COMBINED_FACTOR;
			k->bits = Max(all - df, 0) * COMBINED_FACTOR;
			k->parts = 0;
			k->group = 0;
			k->combine = false;
			/* counting asks for every pair, following only for those not too large */
			if (df <= largest || engine->counting)
				kept++;
		}
	}
	return kept;
}
