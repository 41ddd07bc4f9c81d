/*
 * compare_kernel.h
 *		The comparators over one width of code point; a template.
 *
 * Included by compare.c once with UNIT uint8 and once with uint32, after
 * PM_SET/PM_GET/PM_CLEAR for that width and the naming KERNEL and EXPORTED are
 * defined.
 *
 * The bit-parallel algorithms are those of Myers (1999) and Hyyrö (2003).
 * Patterns over 64 code points are cut into strips of 64 rows; a strip is
 * carried over the whole text before the next, handing on one byte per column
 * (the horizontal differences and the transposition at its lower edge), so
 * that a strip needs no more than the one table of a short pattern.
 */

/* Drop the common prefix and suffix: no edit distance changes by it. */
static inline void
KERNEL(strip_affix) (const UNIT * *a, int *la, const UNIT * *b, int *lb)
{
	int			n = Min(*la, *lb);
	int			i = 0;

	while (i < n && (*a)[i] == (*b)[i])
		i++;
	*a += i;
	*b += i;
	*la -= i;
	*lb -= i;
	n -= i;
	while (n > 0 && (*a)[*la - 1] == (*b)[*lb - 1])
	{
		(*la)--;
		(*lb)--;
		n--;
	}
}

/* Edit distance of a pattern of at most 64 to a text; both not empty. */
static pg_attribute_always_inline int
KERNEL(edit_word) (const UNIT * p, int m, const UNIT * t, int n, int max, bool transpose)
{
	uint64		vp = ~UINT64CONST(0);
	uint64		vn = 0;
	uint64		d0 = 0;
	uint64		pm_old = 0;
	uint64		top = UINT64CONST(1) << (m - 1);
	int			dist = m;
	int			i;

	for (i = 0; i < m; i++)
		PM_SET(p[i], UINT64CONST(1) << i);
	for (i = 0; i < n; i++)
	{
		uint64		pm = PM_GET(t[i]);
		uint64		hp;
		uint64		hn;

		if (transpose)
		{
			uint64		tr = (((~d0) & pm) << 1) & pm_old;

			d0 = (((pm & vp) + vp) ^ vp) | pm | vn | tr;
			pm_old = pm;
		}
		else
			d0 = (((pm & vp) + vp) ^ vp) | pm | vn;
		hp = vn | ~(d0 | vp);
		hn = d0 & vp;
		dist += (hp & top) != 0;
		dist -= (hn & top) != 0;
		if (dist > max && dist - (n - 1 - i) > max)
		{
			dist = max + 1;
			break;
		}
		hp = (hp << 1) | 1;
		hn <<= 1;
		vp = hn | ~(d0 | hp);
		vn = hp & d0;
	}
	PM_CLEAR(p, m);
	return dist > max ? max + 1 : dist;
}

/*
 * Edit distance of a longer pattern, strip by strip.  With a maximum only the
 * columns within it of the diagonal are looked at: what lies outside is taken
 * as one more than its neighbour, which is never too little.
 */
static int
KERNEL(edit_strips) (const UNIT * p, int m, const UNIT * t, int n, int max, bool transpose)
{
	uint8	   *edge = grow_buffer(&edge_buffer, (size_t) n + 1);
	int			last = -1;		/* last column the strip above reached */
	int			above = 0;		/* distance at the strip's upper left corner */
	int			from = 0;		/* first column of this strip */
	int			row;

	for (row = 0; row < m; row += 64)
	{
		int			rows = Min(64, m - row);
		uint64		vp = ~UINT64CONST(0);
		uint64		vn = 0;
		uint64		d0 = 0;
		uint64		pm_old = 0;
		int			to = (max < n && row + rows < n - max) ? row + rows + max : n;
		int			next_from = (max < row + rows) ? Min(row + rows - max, n) : 0;
		int			next_above;
		int			dist = above + rows;
		int			best;
		int			j;

		CHECK_FOR_INTERRUPTS();
		for (j = 0; j < rows; j++)
			PM_SET(p[row + j], UINT64CONST(1) << j);
		best = dist + abs((m - row - rows) - (n - from));
		next_above = dist;
		for (j = from; j < to; j++)
		{
			uint64		pm = PM_GET(t[j]);
			uint8		in = j <= last ? edge[j] : EDGE_PLUS;
			uint64		in_minus = (in & EDGE_MINUS) != 0;
			uint64		x = pm | in_minus;
			uint64		swap = 0;
			uint64		hp;
			uint64		hn;
			uint8		out = 0;

			if (transpose)
			{
				uint64		cross = (~d0) & pm;

				if (cross >> 63)
					out |= EDGE_SWAP;
				swap = ((cross << 1) | ((in & EDGE_SWAP) != 0)) & pm_old;
				pm_old = pm;
			}
			d0 = (((x & vp) + vp) ^ vp) | x | vn | swap;
			hp = vn | ~(d0 | vp);
			hn = d0 & vp;
			if (hp >> (rows - 1) & 1)
			{
				out |= EDGE_PLUS;
				dist++;
			}
			if (hn >> (rows - 1) & 1)
			{
				out |= EDGE_MINUS;
				dist--;
			}
			edge[j] = out;
			hp = (hp << 1) | ((in & EDGE_PLUS) != 0);
			hn = (hn << 1) | in_minus;
			vp = hn | ~(d0 | hp);
			vn = hp & d0;
			if (j + 1 == next_from)
				next_above = dist;
			if (max != CD_NO_MAX)
				best = Min(best, dist + abs((m - row - rows) - (n - j - 1)));
		}
		PM_CLEAR(p + row, rows);
		if (max != CD_NO_MAX && best > max)
			return max + 1;
		above = next_above;
		from = next_from;
		last = to - 1;
		if (row + rows >= m)
			above = dist;
	}
	return above > max ? max + 1 : above;
}

static pg_attribute_always_inline int
KERNEL(edit) (const UNIT * a, int la, const UNIT * b, int lb, int max, bool transpose)
{
	if (abs(la - lb) > max)
		return max + 1;
	KERNEL(strip_affix) (&a, &la, &b, &lb);
	if (la == 0 || lb == 0)
		return Min(la + lb, max == CD_NO_MAX ? la + lb : max + 1);
	if (max == 0)
		return 1;
	/* the longer is the pattern while it fits a word: fewer rounds */
	if (la < lb)
	{
		const UNIT *s = a;
		int			l = la;

		a = b;
		la = lb;
		b = s;
		lb = l;
	}
	if (la <= 64)
		return KERNEL(edit_word) (a, la, b, lb, max, transpose);
	if (lb <= 64)
		return KERNEL(edit_word) (b, lb, a, la, max, transpose);
	return KERNEL(edit_strips) (b, lb, a, la, max, transpose);
}

int
EXPORTED(cd_levenshtein) (const UNIT * a, int la, const UNIT * b, int lb, int max)
{
	return KERNEL(edit) (a, la, b, lb, max, false);
}

int
EXPORTED(cd_osa) (const UNIT * a, int la, const UNIT * b, int lb, int max)
{
	return KERNEL(edit) (a, la, b, lb, max, true);
}

/* Unrestricted Damerau-Levenshtein in linear space (Zhao and Sahni 2019). */
int
EXPORTED(cd_damerau) (const UNIT * a, int la, const UNIT * b, int lb, int max)
{
	int		   *rows;
	int		   *r;
	int		   *r1;
	int		   *fr;
	int		   *seen;
	int		   *symbols;
	int			far;
	int			i;
	int			j;

	if (abs(la - lb) > max)
		return max + 1;
	KERNEL(strip_affix) (&a, &la, &b, &lb);
	if (la == 0 || lb == 0)
		return Min(la + lb, max == CD_NO_MAX ? la + lb : max + 1);

	/* three rows and the last row of each symbol; index -1 is read */
	far = Max(la, lb) + 1;
	rows = grow_buffer(&row_buffer, sizeof(int) * (3 * ((size_t) lb + 2) + la + lb + 1));
	r = rows + 1;
	r1 = r + lb + 2;
	fr = r1 + lb + 2;
	seen = fr + lb + 1;
	symbols = KERNEL(symbols) (a, la, b, lb);
	for (j = -1; j <= lb; j++)
	{
		r[j] = j < 0 ? far : j;
		r1[j] = far;
		fr[j] = far;
	}
	for (i = 0; i < la + lb; i++)
		seen[i] = -1;

	for (i = 1; i <= la; i++)
	{
		int		   *swap = r;
		int			a_symbol = symbols[i - 1];
		int			last_col = -1;
		int			left_above;
		int			t = far;
		int			best = far;

		r = r1;
		r1 = swap;
		left_above = r[0];
		r[0] = i;
		best = i;
		CHECK_FOR_INTERRUPTS();
		for (j = 1; j <= lb; j++)
		{
			int			b_symbol = symbols[la + j - 1];
			int			d = Min(r[j - 1], r1[j]) + 1;

			if (a_symbol == b_symbol)
			{
				d = Min(d, r1[j - 1]);
				last_col = j;
				fr[j] = r1[j - 2];
				t = left_above;
			}
			else
			{
				int			k = seen[b_symbol];

				d = Min(d, r1[j - 1] + 1);
				if (j - last_col == 1)
					d = Min(d, fr[j] + (i - k));
				else if (i - k == 1)
					d = Min(d, t + (j - last_col));
			}
			left_above = r[j];
			r[j] = d;
			best = Min(best, d);
		}
		if (best > max)
			return max + 1;
		seen[a_symbol] = i;
	}
	return r[lb] > max ? max + 1 : r[lb];
}

/* Matches and transpositions of Jaro; the pattern is at most 64 long. */
static pg_attribute_always_inline int
KERNEL(jaro_word) (const UNIT * p, int m, const UNIT * t, int n, int bound, int *transposed)
{
	uint64		mask = bound + 1 >= 64 ? ~UINT64CONST(0) : (UINT64CONST(1) << (bound + 1)) - 1;
	uint64		p_flag = 0;
	uint64		t_flag = 0;
	uint64		f;
	int			matches = 0;
	int			swapped = 0;
	int			i;

	for (i = 0; i < m; i++)
		PM_SET(p[i], UINT64CONST(1) << i);
	for (i = 0; i < n; i++)
	{
		uint64		pm = PM_GET(t[i]) & mask & ~p_flag;

		p_flag |= pm & (0 - pm);
		t_flag |= (uint64) (pm != 0) << i;
		mask = (mask << 1) | (i < bound);
	}
	for (f = t_flag; f != 0; f &= f - 1)
	{
		uint64		first = p_flag & (0 - p_flag);

		swapped += (PM_GET(t[__builtin_ctzll(f)]) & first) == 0;
		p_flag ^= first;
		matches++;
	}
	PM_CLEAR(p, m);
	*transposed = swapped / 2;
	return matches;
}

/*
 * The same for any length in linear time: the window only moves right, so the
 * first free position of a symbol inside it is found by one pointer a symbol.
 */
static int
KERNEL(jaro_long) (const UNIT * p, int m, const UNIT * t, int n, int bound, int *transposed)
{
	int		   *symbols = KERNEL(symbols) (p, m, t, n);
	int		   *head = grow_buffer(&row_buffer, sizeof(int) * ((size_t) m + n + m + m + n));
	int		   *next = head + m + n;
	int		   *p_matched = next + m;
	int		   *t_matched = p_matched + m;
	int			matches = 0;
	int			swapped = 0;
	int			i;
	int			k;

	for (i = 0; i < m + n; i++)
		head[i] = -1;
	for (i = m - 1; i >= 0; i--)
	{
		next[i] = head[symbols[i]];
		head[symbols[i]] = i;
		p_matched[i] = 0;
	}
	CHECK_FOR_INTERRUPTS();
	for (i = 0; i < n; i++)
	{
		int			at = head[symbols[m + i]];

		while (at >= 0 && at < i - bound)
			at = next[at];
		head[symbols[m + i]] = at;
		if (at >= 0 && at <= i + bound)
		{
			head[symbols[m + i]] = next[at];
			p_matched[at] = 1;
			t_matched[matches++] = symbols[m + i];
		}
	}
	for (i = 0, k = 0; i < m; i++)
		if (p_matched[i])
			swapped += symbols[i] != t_matched[k++];
	*transposed = swapped / 2;
	return matches;
}

/*
 * Jaro, and Winkler's bonus for up to four equal first code points.  Which of
 * several equal letters count as matched depends on the side scanned, so the
 * longer string, or the one that sorts first, is always the pattern: the
 * answer is symmetric.
 */
static pg_attribute_always_inline double
KERNEL(jaro_full) (const UNIT * a, int la, const UNIT * b, int lb, bool winkler)
{
	int			shorter = Min(la, lb);
	int			prefix = 0;
	int			matches;
	int			transposed;
	int			bound;
	double		sim;

	if (shorter == 0)
		return la == lb ? 1.0 : 0.0;
	while (prefix < shorter && a[prefix] == b[prefix])
		prefix++;
	if (prefix == la && la == lb)
		return 1.0;
	if (la < lb || (la == lb && a[prefix] > b[prefix]))
	{
		const UNIT *s = a;
		int			l = la;

		a = b;
		la = lb;
		b = s;
		lb = l;
	}
	bound = Max(la / 2 - 1, 0);
	if (la <= 64)
		matches = KERNEL(jaro_word) (a, la, b, lb, bound, &transposed);
	else
		matches = KERNEL(jaro_long) (a, la, b, lb, bound, &transposed);
	if (matches == 0)
		return 0.0;
	sim = ((double) matches / la + (double) matches / lb +
		   (double) (matches - transposed) / matches) / 3.0;
	if (winkler && sim > 0.7)
		sim += Min(prefix, 4) * 0.1 * (1.0 - sim);
	return sim;
}

double
EXPORTED(cd_jaro) (const UNIT * a, int la, const UNIT * b, int lb)
{
	return KERNEL(jaro_full) (a, la, b, lb, false);
}

double
EXPORTED(cd_jaro_winkler) (const UNIT * a, int la, const UNIT * b, int lb)
{
	return KERNEL(jaro_full) (a, la, b, lb, true);
}
