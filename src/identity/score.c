/*
 * score.c
 *		Compare two forms: the level of agreement of each comparison, what the
 *		rarity of the values adds, and the weight the model gives to it all.
 */
#include "postgres.h"

#include "customer_data.h"

#include <math.h>

#include "identity/glance.h"
#include "identity/score.h"

/* In numbers of so many bits a digit is mistyped sooner than a namesake has the next. */
#define LONG_NUMBER		15

/* An equal number or mailbox says what was learned of such, if no more records than these hold it. */
#define IDENTIFYING_HOLDERS	4.0f

/*
 * Bits of a value that belongs to one person or company by its nature.  That
 * a few records of a small base hold it is a sign of one customer recorded a
 * few times, and no measure of how common it is; what many hold is common.
 */
float
cd_identifying_bits(const CdEngine *engine, const CdComparison *comparison, uint32 token, bool *crowded)
{
	float		bits = token_bits(engine, token);
	float		holders = exp2f(engine->dict->all[engine->dict->token[token].space] - bits);
	float		learned = (float) -log2(comparison->u[comparison->identifying]);

	*crowded |= holders > IDENTIFYING_HOLDERS;
	return Max(bits, learned - 2 * log2f(Max(holders / IDENTIFYING_HOLDERS, 1.0f)));
}

/* Name tokens of one side, by role. */
typedef struct NameSide
{
	uint32		given[16];
	uint32		middle[16];
	uint32		family[16];
	uint32		title[16];
	uint32		joined;			/* given and middle name as one word */
	uint32		turned;			/* middle name and last part as one word, where the first may be the family name */
	int			ngiven;
	int			nmiddle;
	int			nfamily;
	int			njoined;
	int			nturned;
	int			ntitle;
} NameSide;

static void
name_side(const CdForm *form, int slot, NameSide *side)
{
	const uint32 *w = FORM_AT(form, slot);
	int			n = FORM_LEN(form, slot);

	side->ngiven = side->nmiddle = side->nfamily = side->njoined = side->nturned = side->ntitle = 0;
	for (int i = 0; i < n; i++)
	{
		uint32		token = w[i] & CD_TOKEN_MASK;

		switch (w[i] >> CD_ROLE_SHIFT)
		{
			case CD_ROLE_GIVEN:
				side->given[side->ngiven++] = token;
				break;
			case CD_ROLE_FAMILY:
				side->family[side->nfamily++] = token;
				break;
			case CD_ROLE_JOINED:
				side->joined = token;
				side->njoined = 1;
				break;
			case CD_ROLE_TURNED:
				side->turned = token;
				side->nturned = 1;
				break;
			case CD_ROLE_TITLE:
				side->title[side->ntitle++] = token;
				break;
			default:
				side->middle[side->nmiddle++] = token;
				break;
		}
	}
}

/*
 * How alike two short lists of tokens are: the best pair counts, all must
 * agree to be the same.  Answers the rarity of the tokens that agreed.
 */
static CdLikeness
lists_alike(CdEngine *engine, const uint32 *a, int na, const uint32 *b, int nb, float *bits)
{
	CdLikeness	best = CD_DIFFERENT;
	int			same = 0;

	*bits = 0;
	for (int i = 0; i < na; i++)
	{
		CdLikeness	mine = CD_DIFFERENT;
		uint32		with = 0;

		for (int j = 0; j < nb && mine != CD_SAME; j++)
		{
			CdLikeness	l = cd_token_likeness(engine->dict, a[i], b[j]);

			if (l > mine)
			{
				mine = l;
				with = b[j];
			}
		}
		if (mine == CD_SAME)
			same++;
		if (mine >= CD_SIMILAR)
		{
			float		x = Min(token_bits(engine, a[i]), token_bits(engine, with));

			if (mine > best || (mine == best && x > *bits))
				*bits = x;
		}
		best = Max(best, mine);
	}
	/* a part of a compound name is close, not the same */
	if (best == CD_SAME && (same < na || same < nb) && na != nb)
		best = CD_CLOSE;
	return best;
}


static const uint8 family_level[] = {0, 0, FAMILY_SIMILAR, FAMILY_CLOSE, FAMILY_SAME};
static const uint8 given_level[] = {0, GIVEN_INITIAL, GIVEN_SIMILAR, GIVEN_CLOSE, GIVEN_SAME};

/* Compare a name of one token with whichever part of the other it fits best. */
static void
single_name(CdEngine *engine, const NameSide *one, const NameSide *two, CdNameLevels *r)
{
	bool		one_single = one->nfamily == 0 || one->ngiven == 0;
	const NameSide *s = one_single ? one : two;
	const NameSide *o = one_single ? two : one;
	const uint32 *t = s->nfamily > 0 ? s->family : s->ngiven > 0 ? s->given : s->middle;
	int			nt = s->nfamily > 0 ? s->nfamily : s->ngiven > 0 ? s->ngiven : s->nmiddle;
	float		fb = 0,
				gb = 0,
				mb = 0;
	CdLikeness	f = o->nfamily > 0 ? lists_alike(engine, t, nt, o->family, o->nfamily, &fb) : CD_DIFFERENT;
	CdLikeness	g = o->ngiven > 0 ? lists_alike(engine, t, nt, o->given, o->ngiven, &gb) : CD_DIFFERENT;
	CdLikeness	m = o->nmiddle > 0 ? lists_alike(engine, t, nt, o->middle, o->nmiddle, &mb) : CD_DIFFERENT;

	if (nt == 0)
	{
		/* titles are all there is of one */
		if (lists_alike(engine, s->title, s->ntitle, o->title, o->ntitle, &fb) >= CD_CLOSE)
		{
			r->family = FAMILY_SWAPPED;
			r->family_bits = fb;
		}
		return;
	}
	if (m > f && m > g)
	{
		g = m;
		gb = mb;
	}
	/* a family name alone and a given name alone say nothing of each other, unless they are alike */
	if (g == CD_DIFFERENT && s->nfamily > 0 && o->nfamily == 0)
		return;
	if (f == CD_DIFFERENT && s->nfamily == 0 && o->nfamily > 0 && o->ngiven == 0)
		return;
	if (o->nfamily > 0 && (f >= g || o->ngiven == 0) && (f != CD_DIFFERENT || s->nfamily > 0))
	{
		r->family = family_level[f];
		r->family_bits = fb;
	}
	else
	{
		r->given = given_level[g];
		r->given_bits = gb;
	}
}

/*
 * How alike the family name of one is to the given name of another, which may
 * be written as two words; or, where the family name may stand first, what
 * would be the given name then.
 */
static CdLikeness
family_as_given(CdEngine *engine, const NameSide *family, const NameSide *given, float *bits)
{
	CdLikeness	best = lists_alike(engine, family->family, family->nfamily, given->given, given->ngiven, bits);
	CdLikeness	joined = CD_DIFFERENT;
	float		joined_bits = 0;

	if (best >= CD_CLOSE)
		return best;
	if (given->njoined > 0)
		joined = lists_alike(engine, family->family, family->nfamily, &given->joined, 1, &joined_bits);
	if (joined < CD_CLOSE && given->nmiddle > 0)
		joined = Max(joined, lists_alike(engine, family->family, family->nfamily, given->middle, given->nmiddle, &joined_bits));
	if (joined < CD_CLOSE && family->nturned > 0)
		joined = Max(lists_alike(engine, &family->turned, 1, given->given, given->ngiven, &joined_bits),
					 given->njoined == 0 ? CD_DIFFERENT : lists_alike(engine, &family->turned, 1, &given->joined, 1, &joined_bits));
	if (joined <= best)
		return best;
	*bits = joined_bits;
	return joined;
}

/* Find the text of a token, read in Latin letters, in a mailbox. */
static bool
mailbox_holds(const CdDictionary *dict, uint32 mailbox, uint32 token)
{
	const CdToken *box = &dict->token[mailbox];
	const CdToken *name = &dict->token[dict->glance[token].roman];

	if (name->len < TELLING_LETTERS || (dict->glance[token].letters & ~dict->glance[mailbox].letters) != 0)
		return false;
	for (int at = 0; at + name->len <= box->len; at++)
	{
		if (memcmp(dict->pool + box->offset + at, dict->pool + name->offset, name->len) == 0)
			return true;
	}
	return false;
}

/*
 * Does a mailbox hold a name of another and not its owner's own?  Answers the
 * rarity of that name, or of the owner's rarest where that is less.
 */
static bool
mailbox_tells(const CdEngine *engine, const CdForm *owner, const uint32 *own, int nown, const uint32 *other, int nother, float *bits)
{
	uint32		mailbox = FORM_AT(owner, engine->email_slot)[0];
	const uint32 *w = FORM_AT(owner, engine->name_slot);
	float		rarest = 0;
	int			found = -1;

	for (int i = 0; i < nother && found < 0; i++)
	{
		if (mailbox_holds(engine->dict, mailbox, other[i]))
			found = i;
	}
	for (int i = 0; i < nown && found >= 0; i++)
	{
		if (mailbox_holds(engine->dict, mailbox, own[i]))
			found = -1;
	}
	if (found < 0)
		return false;
	for (int i = 0; i < FORM_LEN(owner, engine->name_slot); i++)
		rarest = Max(rarest, token_bits(engine, w[i] & CD_TOKEN_MASK));
	*bits = Min(token_bits(engine, other[found]), rarest);
	return true;
}

/*
 * Names that do not agree as they stand may by the mailbox of one: a family
 * name from before marriage, where the given name is the same, and a given name
 * of which only the initial is written, or a Western one is, or a letter is
 * wrong.  That another given name stands beside it is what couples with one
 * mailbox have; a mailbox that both have is compared as such.
 */
static void
look_into_mailboxes(const CdEngine *engine, const CdForm *a, const NameSide *x, const CdForm *b, const NameSide *y, CdNameLevels *r)
{
	bool		of_a = mailbox_may_tell(engine, a, b);
	bool		of_b = mailbox_may_tell(engine, b, a);
	float		bits;

	if (FORM_LEN(a, engine->email_slot) > 0 && FORM_LEN(b, engine->email_slot) > 0 &&
		FORM_AT(a, engine->email_slot)[0] == FORM_AT(b, engine->email_slot)[0])
		return;
	if (r->given > 0 && (r->given < GIVEN_SWAPPED || r->given == CD_MISSING) &&
		((of_a && mailbox_tells(engine, a, x->given, x->ngiven, y->given, y->ngiven, &bits)) ||
		 (of_b && mailbox_tells(engine, b, y->given, y->ngiven, x->given, x->ngiven, &bits))))
	{
		r->given = GIVEN_SAME;
		r->given_bits = bits;
	}
	if (r->family < FAMILY_SWAPPED && r->given >= GIVEN_CLOSE && r->given != CD_MISSING &&
		((of_a && mailbox_tells(engine, a, x->family, x->nfamily, y->family, y->nfamily, &bits)) ||
		 (of_b && mailbox_tells(engine, b, y->family, y->nfamily, x->family, x->nfamily, &bits))))
	{
		r->family = FAMILY_SAME;
		r->family_bits = bits;
	}
}

/* Compare names over all their parts, noticing exchanged ones. */
void
cd_compare_names(CdEngine *engine, const CdForm *a, const CdForm *b, int slot, CdNameLevels *r)
{
	NameSide	x,
				y;
	CdLikeness	ff,
				gg;
	float		fb,
				gb;

	r->family = r->given = r->middle = CD_MISSING;
	r->family_bits = r->given_bits = r->middle_bits = 0;
	r->agrees = false;
	if (FORM_LEN(a, slot) == 0 || FORM_LEN(b, slot) == 0)
		return;
	name_side(a, slot, &x);
	name_side(b, slot, &y);
	if (x.nfamily == 0 || x.ngiven == 0 || y.nfamily == 0 || y.ngiven == 0)
	{
		single_name(engine, &x, &y, r);
		r->agrees = (r->family != CD_MISSING && r->family >= FAMILY_CLOSE) ||
			(r->given != CD_MISSING && r->given >= GIVEN_CLOSE);
		return;
	}
	ff = lists_alike(engine, x.family, x.nfamily, y.family, y.nfamily, &fb);
	gg = lists_alike(engine, x.given, x.ngiven, y.given, y.ngiven, &gb);
	if (ff < CD_CLOSE && gg < CD_CLOSE)
	{
		float		fgb,
					gfb;
		CdLikeness	fg = family_as_given(engine, &x, &y, &fgb);
		CdLikeness	gf = family_as_given(engine, &y, &x, &gfb);


		/* an initial, too, beside a name that is the same: J. Smith, Smith John */
		if (((fg >= CD_SIMILAR && gf >= CD_SIMILAR) || (Max(fg, gf) == CD_SAME && Min(fg, gf) == CD_INITIAL)) &&
			fg + gf > ff + gg)
		{
			if (Min(fg, gf) == CD_INITIAL)
			{
				/* the initial is the given name's */
				r->family = FAMILY_SWAPPED;
				r->family_bits = Max(fgb, gfb);
				r->given = GIVEN_INITIAL;
				r->given_bits = 0;
				r->agrees = true;
				return;
			}
			/* exchanged once: the family name agrees, the given name is elsewhere */
			r->family = family_level[Max(fg, CD_SIMILAR)];
			r->family_bits = fgb;
			r->given = gf >= CD_CLOSE ? GIVEN_SWAPPED : given_level[gf];
			r->given_bits = gfb;
			r->agrees = true;
			return;
		}
		if (Max(fg, gf) == CD_SAME && ff + gg == CD_DIFFERENT)
		{
			/* one is found elsewhere, the other is not; of a Chinese name in either order the given name may be a Western one */
			const NameSide *family = fg > gf ? &x : &y;
			const NameSide *given = fg > gf ? &y : &x;

			r->given = GIVEN_SWAPPED;
			r->given_bits = Max(fgb, gfb);
			r->family = 0;
			if (cd_tokens_of_two_tongues(engine->dict, family->family[0], family->given[0], given->family[0]))
			{
				r->family = FAMILY_SAME;
				r->family_bits = r->given_bits;
				r->given = CD_MISSING;
			}
			r->agrees = true;
			return;
		}
	}
	r->family = family_level[ff];
	r->given = given_level[gg];
	r->family_bits = fb;
	r->given_bits = gb;
	if (gg < CD_CLOSE && x.njoined + y.njoined == 1)
	{
		/* Qing Long is Qinglong */
		float		jb;
		CdLikeness	j = x.njoined > 0 ? lists_alike(engine, &x.joined, 1, y.given, y.ngiven, &jb) :
			lists_alike(engine, x.given, x.ngiven, &y.joined, 1, &jb);

		if (j >= CD_CLOSE)
		{
			gg = j;
			r->given = given_level[j];
			r->given_bits = jb;
		}
	}
	if (gg < CD_CLOSE && (x.nmiddle > 0 || y.nmiddle > 0))
	{
		/* known by the middle name */
		float		xb = 0,
					yb = 0;
		CdLikeness	xm = x.nmiddle > 0 ? lists_alike(engine, x.middle, x.nmiddle, y.given, y.ngiven, &xb) : CD_DIFFERENT;
		CdLikeness	ym = y.nmiddle > 0 ? lists_alike(engine, x.given, x.ngiven, y.middle, y.nmiddle, &yb) : CD_DIFFERENT;

		if (Max(xm, ym) >= CD_CLOSE)
		{
			r->given = GIVEN_SWAPPED;
			r->given_bits = xm >= ym ? xb : yb;
		}
	}
	if (ff < CD_CLOSE && (x.nmiddle > 0 || y.nmiddle > 0))
	{
		/* a family name kept as a middle name */
		float		xb = 0,
					yb = 0;
		CdLikeness	xm = x.nmiddle > 0 ? lists_alike(engine, x.middle, x.nmiddle, y.family, y.nfamily, &xb) : CD_DIFFERENT;
		CdLikeness	ym = y.nmiddle > 0 ? lists_alike(engine, x.family, x.nfamily, y.middle, y.nmiddle, &yb) : CD_DIFFERENT;

		if (Max(xm, ym) >= CD_CLOSE)
		{
			r->family = FAMILY_SWAPPED;
			r->family_bits = xm >= ym ? xb : yb;
		}
	}
	/* a Western name beside a Chinese one is no other person's */
	if (r->given == 0 && ff >= CD_CLOSE && cd_tokens_of_two_tongues(engine->dict, x.family[0], x.given[0], y.given[0]))
		r->given = CD_MISSING;
	if (engine->email_slot >= 0 && (r->family < FAMILY_SWAPPED || r->given < GIVEN_SWAPPED || r->given == CD_MISSING))
		look_into_mailboxes(engine, a, &x, b, &y, r);
	if (x.nmiddle > 0 && y.nmiddle > 0)
	{
		CdLikeness	mm = lists_alike(engine, x.middle, x.nmiddle, y.middle, y.nmiddle, &r->middle_bits);

		r->middle = mm >= CD_CLOSE ? 2 : mm >= CD_INITIAL ? 1 : 0;
	}
	r->agrees = r->family >= FAMILY_CLOSE || (r->given >= GIVEN_CLOSE && r->given != CD_MISSING);
}

/* Count how many decimal digits of two numbers of given width differ. */
static int
digits_apart(int a, int b, int width)
{
	int			n = 0;

	for (int i = 0; i < width; i++)
	{
		n += a % 10 != b % 10;
		a /= 10;
		b /= 10;
	}
	return n;
}

/*
 * Birth dates: 0 differ, 1 year alone, 2 one part off and wide of it, or all
 * that is known of both where of one a part is unknown, 3 one digit off or day
 * and month exchanged, 4 the same; CD_MISSING without a part that both have.
 */
uint8
cd_compare_births(uint32 a, uint32 b)
{
	int			ya = a >> 16,
				yb = b >> 16;
	int			ma = (a >> 8) & 255,
				mb = (b >> 8) & 255;
	int			da = a & 255,
				db = b & 255;
	bool		partial = ma == 0 || mb == 0 || da == 0 || db == 0 || ya == 0 || yb == 0;
	int			apart;
	int			equal;

	if (a == b)
		return partial ? 2 : 4;
	if (partial)
	{
		int			both = (ya != 0 && yb != 0) + (ma != 0 && mb != 0) + (da != 0 && db != 0);

		equal = (ya == yb && ya != 0) + (ma == mb && ma != 0) + (da == db && da != 0);
		return both == 0 ? CD_MISSING : equal == both ? 2 : equal > 0 ? 1 : 0;
	}
	if (ya == yb && ma == db && da == mb)
		return 3;
	apart = digits_apart(ya, yb, 4) + digits_apart(ma, mb, 2) + digits_apart(da, db, 2);
	if (apart == 1)
		return 3;
	equal = (ya == yb) + (ma == mb) + (da == db);
	if (equal == 2)
		return 2;
	if (equal == 1 && apart == 2)
		return 2;
	if (ya == yb || (abs(ya - yb) == 1 && apart <= 3))
		return 1;
	return 0;
}

/* Have two tokens the same digits, in order? */
static bool
same_digits(const CdDictionary *dict, uint32 a, uint32 b)
{
	const char *s = CD_TOKEN_TEXT(dict, a);
	const char *t = CD_TOKEN_TEXT(dict, b);
	const char *s_end = s + dict->token[a].len;
	const char *t_end = t + dict->token[b].len;

	for (;; s++, t++)
	{
		while (s < s_end && (*s < '0' || *s > '9'))
			s++;
		while (t < t_end && (*t < '0' || *t > '9'))
			t++;
		if (s == s_end || t == t_end)
			return s == s_end && t == t_end;
		if (*s != *t)
			return false;
	}
}

/*
 * E-mail addresses.  An address made from the name says little where the
 * names agree: how it is made, and the domain; on another domain nothing.
 * Namesakes are told apart by numbers: with others it is another mailbox,
 * unless a long one differs by a digit.
 */
static uint8
compare_emails(CdEngine *engine, const CdComparison *comparison, const uint32 *a, const uint32 *b,
			   const CdNameLevels *names, float *bits, bool *crowded)
{
	bool		name_agrees = names->agrees;
	/* of two family names one alone may have made it */
	uint32		own = name_agrees && names->family == 0 ? Max(a[2], b[2]) : Min(a[2], b[2]);
	bool		derived = name_agrees && own < 9;
	bool		near;
	CdLikeness	box;

	if (a[3] == b[3])
	{
		*bits = cd_identifying_bits(engine, comparison, a[3], crowded);
		if (derived)
			*bits = Min(*bits, 5.0f + own + token_bits(engine, a[1]));
		return derived ? 3 : 4;
	}
	box = cd_token_likeness(engine->dict, a[0], b[0]);
	if (name_agrees && box != CD_SAME && box != CD_DIFFERENT && !same_digits(engine->dict, a[0], b[0]) &&
		(own < LONG_NUMBER || cd_token_distance(engine->dict, a[0], b[0], 1) > 1))
		return 0;
	near = a[1] == b[1] || cd_token_likeness(engine->dict, a[1], b[1]) >= CD_SIMILAR;
	if (box == CD_SAME || (box == CD_CLOSE && near))
	{
		if (derived && !near)
			return CD_MISSING;
		*bits = Min(token_bits(engine, a[0]), token_bits(engine, b[0]));
		if (derived)
			*bits = Min(*bits, 3.0f + own + Min(token_bits(engine, a[1]), token_bits(engine, b[1])));
		return 2;
	}
	if (box >= CD_SIMILAR)
		return derived && !near ? CD_MISSING : 1;
	return 0;
}

/* Count the equal characters at the start of two token texts. */
static int
common_start(const CdDictionary *dict, uint32 a, uint32 b)
{
	const char *s = CD_TOKEN_TEXT(dict, a);
	const char *t = CD_TOKEN_TEXT(dict, b);
	int			n = Min(dict->token[a].len, dict->token[b].len);
	int			i = 0;

	while (i < n && s[i] == t[i])
		i++;
	return i;
}

/* Post codes: 0 differ, 1 area, 2 district, 3 sector or one edit, 4 the same. */
static uint8
compare_postcodes(CdEngine *engine, uint32 a, uint32 b)
{
	CdDictionary *dict = engine->dict;
	int			len = Min(dict->token[a].len, dict->token[b].len);
	int			start;
	bool		letters;

	if (a == b)
		return 4;
	if (len >= 4 && cd_token_distance(dict, a, b, 1) == 1)
		return 3;
	start = common_start(dict, a, b);
	letters = CD_TOKEN_TEXT(dict, a)[0] >= 'a';
	/* outward codes of letters and digits end three characters before the end */
	if (letters && len >= 5)
		return start >= len - 2 ? 3 : start >= len - 3 ? 2 : start >= 2 ? 1 : 0;
	return start >= len - 1 ? 3 : start >= 3 ? 2 : start >= 2 ? 1 : 0;
}

/* Of a pair of characters in a name without spaces so much is its own. */
#define OVERLAPPING		0.3f

/*
 * Weighted overlap of two word lists: the bits of words that found a like
 * word as share of all bits and of the poorer side's, the rarest of them and
 * all together.
 */
static void
words_overlap(CdEngine *engine, const uint32 *a, int na, const uint32 *b, int nb,
			  float *jaccard, float *contained, float *rarest, float *sum)
{
	float		suma = 0,
				sumb = 0,
				both = 0;
	bool		used[32] = {false};

	*rarest = *sum = 0;
	for (int j = 0; j < nb; j++)
		sumb += token_bits(engine, b[j]);
	for (int i = 0; i < na; i++)
	{
		float		mine = token_bits(engine, a[i]);
		float		best = 0;
		int			at = -1;

		suma += mine;
		for (int j = 0; j < nb && j < 32; j++)
		{
			CdLikeness	l;
			float		x;

			if (used[j])
				continue;
			l = cd_token_likeness(engine->dict, a[i], b[j]);
			if (l == CD_DIFFERENT)
				continue;
			x = Min(mine, token_bits(engine, b[j]));
			x *= l == CD_SAME ? 1.0f : l == CD_CLOSE ? 0.85f : l == CD_SIMILAR ? 0.6f : 0.3f;
			if (x > best)
			{
				best = x;
				at = j;
			}
		}
		if (at >= 0)
		{
			used[at] = true;
			both += best;
			*rarest = Max(*rarest, best);
			/* pairs of characters overlap, and say what their neighbours say */
			*sum += engine->dict->glance[a[i]].face & CD_FACE_LATIN ? best : best * OVERLAPPING;
		}
	}
	*jaccard = both / Max(suma + sumb - both, 0.1f);
	*contained = both / Max(Min(suma, sumb), 0.1f);
}


/* Compare streets and house numbers. */
static uint8
compare_streets(CdEngine *engine, const uint32 *a, int na, const uint32 *b, int nb, float *bits)
{
	int			numa = a[0],
				numb = b[0];
	const uint32 *wa = a + 1 + numa;
	const uint32 *wb = b + 1 + numb;
	int			nwa = na - 1 - numa,
				nwb = nb - 1 - numb;
	bool		number;
	int			equal = 0;
	float		number_bits = 0;
	float		jaccard,
				contained,
				rarest,
				sum;

	*bits = 0;
	for (int i = 0; i < numa; i++)
	{
		for (int j = 0; j < numb; j++)
		{
			if (a[1 + i] == b[1 + j])
			{
				equal++;
				number_bits = Max(number_bits, token_bits(engine, a[1 + i]));
			}
		}
	}
	/* the first number is the house's; a flat's may be written before it */
	number = numa > 0 && numb > 0 && (a[1] == b[1] || equal == Min(numa, numb));
	if (nwa == 0 || nwb == 0)
		return numa == 0 || numb == 0 ? CD_MISSING : number ? STREET_NUMBER : 0;
	words_overlap(engine, wa, nwa, wb, nwb, &jaccard, &contained, &rarest, &sum);
	*bits = rarest + (number ? number_bits : 0);
	if (number)
		return jaccard >= 0.8f || contained >= 0.95f ? STREET_SAME :
			jaccard >= 0.3f || contained >= 0.6f ? STREET_NEARLY : STREET_NUMBER;
	if (jaccard >= 0.7f || contained >= 0.9f)
		return numa == 0 || numb == 0 ? STREET_NO_NUMBER : STREET_OTHER_NUMBER;
	return jaccard >= 0.3f || contained >= 0.6f ? STREET_SIMILAR : 0;
}


/*
 * Company names: 0 differ, 1 some words, 2 one within the other, 3 similar,
 * 4 nearly the same, 5 the same.  Of a company's own name all words count that
 * agree, of an employer's the rarest.
 */
static uint8
compare_companies(CdEngine *engine, bool account, const uint32 *a, int na, const uint32 *b, int nb, float *bits)
{
	float		jaccard,
				contained,
				sum;

	words_overlap(engine, a, na, b, nb, &jaccard, &contained, bits, &sum);
	if (account)
		*bits += FURTHER_WORDS * Max(sum - *bits, 0);
	if (jaccard >= 0.995f)
	{
		if (account)
			*bits += NO_OTHER_WORD;
		return 5;
	}
	if (jaccard >= 0.8f)
		return 4;
	if (jaccard >= 0.6f)
		return 3;
	if (contained >= 0.8f)
		return 2;
	if (jaccard >= 0.25f)
		return 1;
	return 0;
}

/* Read a quantity: up to four digits, or a decimal fraction.  Longer numbers are codes, of which a digit may be mistyped. */
static bool
read_quantity(const CdDictionary *dict, uint32 token, double *value)
{
	const char *s = CD_TOKEN_TEXT(dict, token);
	const char *end = s + dict->token[token].len;
	double		unit = 1;
	int			digits = 0;
	bool		point = false;
	bool		negative = s < end && *s == '-';

	*value = 0;
	for (s += negative; s < end && digits <= 12; s++)
	{
		if (*s == '.' && !point)
			point = true;
		else if (*s < '0' || *s > '9')
			return false;
		else
		{
			*value = *value * 10 + (*s - '0');
			unit *= point ? 10 : 1;
			digits++;
		}
	}
	*value /= negative ? -unit : unit;
	return s == end && digits > 0 && (point || digits <= 4);
}

/* Are two values quantities, and near each other: whole numbers by one, as ages at two birthdays, or within three percent? */
bool
cd_quantities(const CdDictionary *dict, uint32 a, uint32 b, bool *near)
{
	double		x;
	double		y;
	double		apart;

	if (!read_quantity(dict, a, &x) || !read_quantity(dict, b, &y))
		return false;
	apart = fabs(x - y);
	*near = apart <= 0.03 * Max(fabs(x), fabs(y)) || (apart == 1 && x == floor(x));
	return true;
}

/* Find the level of one comparison of two forms, CD_MISSING where one says nothing. */
uint8
cd_compare_one(CdEngine *engine, const CdComparison *comparison, const CdForm *a, const CdForm *b,
			const CdNameLevels *names, float *bits, bool *crowded)
{
	CdDictionary *dict = engine->dict;
	int			s = comparison->slot;
	int			na = FORM_LEN(a, s);
	int			nb = FORM_LEN(b, s);
	const uint32 *wa = FORM_AT(a, s);
	const uint32 *wb = FORM_AT(b, s);
	uint8		level = 0;
	bool		near = false;

	*bits = 0;
	if (na == 0 || nb == 0)
		return CD_MISSING;
	switch (comparison->kind)
	{
		case CD_CMP_FAMILY:
			*bits = names->family_bits;
			return names->family;
		case CD_CMP_GIVEN:
			*bits = names->given_bits;
			return names->given;
		case CD_CMP_MIDDLE:
			*bits = names->middle_bits;
			return names->middle;
		case CD_CMP_BIRTH:
			level = cd_compare_births(wa[0], wb[0]);
			if (level == 4)
				*bits = token_bits(engine, wa[1]);
			return level;
		case CD_CMP_EMAIL:
			return compare_emails(engine, comparison, wa, wb, names, bits, crowded);
		case CD_CMP_PHONE:
			if (wa[0] == wb[0])
			{
				*bits = cd_identifying_bits(engine, comparison, wa[0], crowded);
				return 2;
			}
			return !cd_codes_apart(wa[1], wb[1]) && cd_token_distance(dict, wa[0], wb[0], 1) == 1;
		case CD_CMP_STREET:
			return compare_streets(engine, wa, na, wb, nb, bits);
		case CD_CMP_POSTCODE:
			level = compare_postcodes(engine, wa[0], wb[0]);
			if (level == 4)
				*bits = token_bits(engine, wa[0]);
			return level;
		case CD_CMP_COMPANY:
			return compare_companies(engine, s == engine->layout->account_slot, wa, na, wb, nb, bits);
		case CD_CMP_CODE:
			if (wa[0] == wb[0])
			{
				*bits = cd_identifying_bits(engine, comparison, wa[0], crowded);
				return 2;
			}
			return !cd_codes_apart(wa[1], wb[1]) && dict->token[wa[0]].chars >= 5 &&
				cd_token_distance(dict, wa[0], wb[0], 1) == 1;
		case CD_CMP_CLASS:
		case CD_CMP_GENERATION:
			level = wa[0] == wb[0];
			if (level)
				*bits = token_bits(engine, wa[0]);
			return level;
		case CD_CMP_PLACE:
		case CD_CMP_VALUE:
			if (wa[0] == wb[0])
				level = 2;
			else if (comparison->quantities && cd_quantities(dict, wa[0], wb[0], &near))
				level = near;
			else if (cd_token_likeness(dict, wa[0], wb[0]) >= CD_SIMILAR)
				level = 1;
			else if (comparison->kind == CD_CMP_PLACE && (1 << wa[1] | 1 << wb[1]) == (1 << CD_PLACE_LATIN | 1 << CD_PLACE_HAN))
				return CD_MISSING;	/* Tokyo is no reading of its characters as we know them */
			break;
	}
	if (level == 2)
		*bits = token_bits(engine, wa[0]);
	return level;
}

/* Find the level of every comparison of two forms. */
void
cd_agreement(CdEngine *engine, const CdForm *a, const CdForm *b, CdAgreement *result)
{
	const CdModel *model = engine->model;
	CdNameLevels	names;

	memset(&names, 0, sizeof(names));
	if (engine->name_slot >= 0)
		cd_compare_names(engine, a, b, engine->name_slot, &names);
	memset(result->level, CD_MISSING, sizeof(result->level));
	result->kind = cd_pair_kind(engine, a, b);
	result->crowded = false;
	for (int c = 0; c < model->ncomparisons; c++)
	{
		if (engine->used[model->comparison[c].slot])
			result->level[c] = cd_compare_one(engine, &model->comparison[c], a, b, &names, &result->rarity[c], &result->crowded);
	}
}

/*
 * Rarity of a value where it counts in full.  Of h who hold it two are those
 * compared: h - 2 of N show how common it is, and that nobody else holds it
 * shows little where there are more possible values than records (Laplace's
 * rule of succession; see cd_settle_unseen).
 */
float
cd_full_rarity(const CdComparison *comparison, int level, float rarity)
{
	float		held = comparison->holders - rarity;

	if (comparison->unseen == 0 || comparison->tf[level] != 1.0f || held >= 5)
		return rarity;
	if (held <= 1)
		return rarity + comparison->unseen;
	return rarity + Min(comparison->unseen, -log2f(1 - exp2f(1 - held)));
}

/* What the rarity of the values adds to the likelihood ratio of a level. */
float
cd_rarity_weight(const CdComparison *comparison, int level, float rarity)
{
	if (comparison->tf[level] == 0 || rarity <= 0)
		return 0;
	/* where rarity counts in full it takes the place of u */
	if (comparison->tf[level] == 1.0f)
		return cd_full_rarity(comparison, level, rarity) - comparison->tf_base[level];
	return Max(Min(rarity - comparison->tf_base[level], 12.0f), -12.0f) * comparison->tf[level];
}

/*
 * Share of housemates that agree at a level which is personal otherwise:
 * couples use one mailbox, families one telephone, and one in fifty is named
 * after a parent, however rare the name; marks of generation tell those two
 * apart.  0: as strangers do.
 */
static float
housemate_share(const CdComparison *comparison, int level)
{
	if (comparison->kind == CD_CMP_EMAIL && level > 0)
		return 0.1f;
	if (comparison->kind == CD_CMP_PHONE && level > 0)
		return 0.4f;
	if (comparison->kind == CD_CMP_GIVEN && level == comparison->nlevels - 1)
		return 0.02f;
	/* a family's numbers are given one after the other */
	if (comparison->kind == CD_CMP_CODE && level == 1)
		return 0.1f;
	if (comparison->kind == CD_CMP_GENERATION)
		return level == 0 ? 0.95f : 0.05f;
	return 0;
}

/* Does the rarity of the values count between housemates, too? */
bool
cd_personal_tf(const CdComparison *comparison, int level)
{
	return comparison->personal && housemate_share(comparison, level) == 0;
}

/*
 * Likelihood ratio of a level between one person and two of a household,
 * without rarity.  What housemates mostly share may still differ, as the names
 * of couples do, more often than one person's.
 */
float
cd_personal_weight(const CdModel *model, int c, int level)
{
	const CdComparison *comparison = &model->comparison[c];
	float		share;

	if (!comparison->personal)
		return level == 0 && comparison->housemates > 0 ? Min(model->logm[c][0] - log2f(comparison->housemates), 0) : 0;
	share = housemate_share(comparison, level);
	return model->logm[c][level] - (share > 0 ? log2f(share) : model->logu[c][level]);
}

/*
 * log2 of how likely the level of a comparison is among matches: given that of
 * the nearest comparison it depends on that is not missing.  Persons move;
 * a company elsewhere is a branch or another, of which each part tells anew.
 */
float
cd_log_same(const CdModel *model, int c, const uint8 *level, uint8 kind)
{
	const CdDependence *d = &model->same[c];

	for (int i = 0; i < d->n && kind != CD_PAIR_ACCOUNTS; i++)
	{
		if (level[d->parent[i]] != CD_MISSING)
			return d->logp[i][level[d->parent[i]]][level[c]];
	}
	return model->logm[c][level[c]];
}

/*
 * log2 of how likely the level is among pairs that are no match: given those
 * of the comparisons it depends on, the one counts that explains it best.
 */
float
cd_log_other(const CdModel *model, int c, const uint8 *level)
{
	const CdDependence *d = &model->other[c];
	float		p = model->logu[c][level[c]];

	for (int i = 0; i < d->n; i++)
	{
		if (level[d->parent[i]] != CD_MISSING)
		{
			float		given = d->logp[i][level[d->parent[i]]][level[c]];

			p = level[c] > 0 ? Max(p, given) : Min(p, given);
		}
	}
	return p;
}

/* Compute the prior odds of a pair against strangers and against housemates. */
void
cd_settle_prior(CdModel *model)
{
	for (int kind = 0; kind < CD_PAIR_KINDS; kind++)
	{
		model->prior[kind] = (float) log2(model->lambda[kind] / (1.0 - model->lambda[kind]));
		model->prior_housemates[kind] = (float) log2(model->lambda[kind] / model->housemates[kind]);
	}
}

/* Log odds against two alternatives together, given those against each. */
float
cd_least_of_two(float a, float b)
{
	float		least = Min(a, b);

	return least - log2f(1.0f + exp2f(-fabsf(a - b)));
}

/*
 * The weight of an agreement in bits: prior odds, each level's likelihood
 * ratio given the levels it depends on, and the rarity of the values.  Those who
 * are not one customer may be strangers or of one household (one building,
 * for companies): what a household shares says nothing against the latter.
 */
float
cd_weight(const CdModel *model, const CdAgreement *agreement, float *part)
{
	float		weight = model->prior[agreement->kind];
	float		alone = model->prior_housemates[agreement->kind];
	float		both;

	for (int c = 0; c < model->ncomparisons; c++)
	{
		int			level = agreement->level[c];
		float		w;
		float		rarity;

		if (part != NULL)
			part[c] = 0;
		if (level == CD_MISSING)
			continue;
		rarity = model->rarity_known * cd_rarity_weight(&model->comparison[c], level, agreement->rarity[c]);
		w = cd_log_same(model, c, agreement->level, agreement->kind) - cd_log_other(model, c, agreement->level) + rarity;
		weight += w;
		alone += cd_personal_weight(model, c, level) +
			(cd_personal_tf(&model->comparison[c], level) ? rarity : 0);
		if (part != NULL)
			part[c] = w;
	}
	both = cd_least_of_two(weight, alone);
	if (part != NULL)
		part[model->ncomparisons] = both - weight;
	return both;
}
