/*
 * customer_data_fuzz.c
 *		Feed a type's input functions random and mutated text and bytes.
 *
 * fuzz_type(type, seeds, n, seed): n inputs, text and binary in turn.  Some are
 * seeds or accepted mutants as they are, the others are mutated.  An accepted
 * input must round-trip in text and in binary; a rejected one must carry an
 * SQLSTATE of its own (an internal error XX000 or worse is a problem).
 */
#include "postgres.h"
#include "fmgr.h"
#include "compat.h"

#include "access/xact.h"
#include "catalog/pg_type.h"
#include "common/pg_prng.h"
#include "funcapi.h"
#include "lib/stringinfo.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/resowner.h"

PG_MODULE_MAGIC;

#define POOL 512				/* accepted inputs kept as parents */
#define MAX_PROBLEMS 20
#define MAX_LEN 8192

typedef struct Sample
{
	char	   *data;
	int			len;
} Sample;

typedef struct Pool
{
	Sample		item[POOL];
	int			n;
} Pool;

typedef struct TypeIo
{
	FmgrInfo	in;
	FmgrInfo	out;
	FmgrInfo	recv;
	FmgrInfo	send;
	Oid			in_param;
	Oid			recv_param;
} TypeIo;

static pg_prng_state prng;

static uint32
below(uint32 n)
{
	return n == 0 ? 0 : (uint32) pg_prng_uint64_range(&prng, 0, n - 1);
}

/* Remember an accepted input as a parent of later ones. */
static void
pool_add(Pool *pool, MemoryContext context, const char *data, int len)
{
	Sample	   *s;

	if (len > MAX_LEN)
		return;
	if (pool->n < POOL)
		s = &pool->item[pool->n++];
	else
	{
		s = &pool->item[POOL / 4 + below(POOL - POOL / 4)];
		pfree(s->data);
	}
	s->data = MemoryContextAlloc(context, len + 1);
	memcpy(s->data, data, len);
	s->data[len] = '\0';
	s->len = len;
}

/* One to four random edits: flips, deletions, copies, splices, odd numbers. */
static void
mutate(StringInfo buf, const Pool *pool, bool binary)
{
	int			edits = 1 + below(4);
	static const uint32 odd[] = {0, 1, 0x7f, 0x80, 0xff, 0x7fff, 0x8000, 0xffff, 0x7fffffff, 0x80000000, 0xffffffff};

	while (edits-- > 0)
	{
		uint32		at = below(buf->len + 1);
		uint32		span = below(Min(16, buf->len - at) + 1);
		uint32		kind = below(binary ? 7 : 6);
		StringInfoData tmp;

		initStringInfo(&tmp);
		appendBinaryStringInfo(&tmp, buf->data, at);
		switch (kind)
		{
			case 0:				/* another byte */
				appendStringInfoChar(&tmp, binary ? (char) below(256) : (char) (32 + below(95)));
				span = Min(1, span);
				break;
			case 1:				/* delete */
				break;
			case 2:				/* repeat */
				appendBinaryStringInfo(&tmp, buf->data + at, span);
				appendBinaryStringInfo(&tmp, buf->data + at, span);
				break;
			case 3:				/* a piece of another input */
				{
					const Sample *s = &pool->item[below(pool->n)];
					uint32		from = below(s->len + 1);

					appendBinaryStringInfo(&tmp, s->data + from, below(Min(24, s->len - from) + 1));
					break;
				}
			case 4:				/* a structural or multibyte character */
				{
					static const char *const chars[] = {"{", "}", "[", "]", ",", ":", "\"", "'", "\\", "(", ")", "=", ">",
					"<", "~", "!", "|", "&", "*", ".", "-", "e", "9", " ", "\t", "質", "é", "infinity", "nan", "null", "99999999999999999999"};

					appendStringInfoString(&tmp, chars[below(lengthof(chars))]);
					break;
				}
			case 5:				/* truncate */
				span = buf->len - at;
				break;
			default:			/* an odd number over four bytes */
				{
					uint32		v = odd[below(lengthof(odd))];

					span = Min(4, buf->len - at);
					appendBinaryStringInfo(&tmp, (char *) &v, span);
					break;
				}
		}
		appendBinaryStringInfo(&tmp, buf->data + at + span, buf->len - at - span);
		resetStringInfo(buf);
		appendBinaryStringInfo(buf, tmp.data, Min(tmp.len, MAX_LEN));
	}
}

static Datum
receive(TypeIo *io, const char *data, int len)
{
	StringInfoData msg;
	Datum		result;

	initStringInfo(&msg);
	appendBinaryStringInfo(&msg, data, len);
	result = ReceiveFunctionCall(&io->recv, &msg, io->recv_param, -1);
	if (msg.cursor != msg.len)
		ereport(ERROR, (errcode(ERRCODE_INVALID_BINARY_REPRESENTATION), errmsg("bytes left over")));
	return result;
}

/* Text and binary round trips of an accepted value; NULL or what is wrong. */
static const char *
round_trip(TypeIo *io, Datum value, const char **text)
{
	char	   *out1 = OutputFunctionCall(&io->out, value);
	Datum		again = InputFunctionCall(&io->in, out1, io->in_param, -1);
	char	   *out2 = OutputFunctionCall(&io->out, again);
	bytea	   *sent = SendFunctionCall(&io->send, value);
	Datum		back = receive(io, VARDATA_ANY(sent), VARSIZE_ANY_EXHDR(sent));
	bytea	   *sent2 = SendFunctionCall(&io->send, back);

	*text = out1;
	if (strcmp(out1, out2) != 0)
		return "text does not round-trip";
	if (strcmp(out1, OutputFunctionCall(&io->out, back)) != 0)
		return "binary does not round-trip";
	if (VARSIZE_ANY(sent) != VARSIZE_ANY(sent2) ||
		memcmp(VARDATA_ANY(sent), VARDATA_ANY(sent2), VARSIZE_ANY_EXHDR(sent)) != 0)
		return "binary form is not canonical";
	return NULL;
}

PG_FUNCTION_INFO_V1(customer_data_fuzz_type);
Datum
customer_data_fuzz_type(PG_FUNCTION_ARGS)
{
	Oid			type = PG_GETARG_OID(0);
	ArrayType  *seeds = PG_GETARG_ARRAYTYPE_P(1);
	int			n = PG_GETARG_INT32(2);
	MemoryContext keep = CurrentMemoryContext;
	MemoryContext scratch = AllocSetContextCreate(keep, "fuzz input", ALLOCSET_DEFAULT_SIZES);
	ResourceOwner owner = CurrentResourceOwner;
	Pool	   *texts = palloc0(sizeof(Pool));
	Pool	   *bytes = palloc0(sizeof(Pool));
	TypeIo		io;
	Oid			fn;
	bool		varlena;
	Datum	   *seed_datums;
	int			n_seeds;
	int			i;
	int			tried = 0,
				valid = 0,
				rejected = 0;
	Datum		problems[MAX_PROBLEMS];
	int			n_problems = 0;
	TupleDesc	desc;
	Datum		values[4];
	bool		nulls[4] = {false, false, false, false};

	pg_prng_seed(&prng, (uint64) PG_GETARG_INT32(3));
	getTypeInputInfo(type, &fn, &io.in_param);
	fmgr_info(fn, &io.in);
	getTypeOutputInfo(type, &fn, &varlena);
	fmgr_info(fn, &io.out);
	getTypeBinaryInputInfo(type, &fn, &io.recv_param);
	fmgr_info(fn, &io.recv);
	getTypeBinaryOutputInfo(type, &fn, &varlena);
	fmgr_info(fn, &io.send);

	deconstruct_array(seeds, TEXTOID, -1, false, TYPALIGN_INT, &seed_datums, NULL, &n_seeds);
	for (i = 0; i < n_seeds; i++)
	{
		char	   *s = TextDatumGetCString(seed_datums[i]);
		bytea	   *b = SendFunctionCall(&io.send, InputFunctionCall(&io.in, s, io.in_param, -1));

		pool_add(texts, keep, s, strlen(s));
		pool_add(bytes, keep, VARDATA_ANY(b), VARSIZE_ANY_EXHDR(b));
	}

	for (i = 0; i < n && n_problems < MAX_PROBLEMS; i++)
	{
		bool		binary = (i & 1) != 0;
		Pool	   *pool = binary ? bytes : texts;
		StringInfoData buf;
		const char *volatile problem = NULL;
		const char *volatile detail = "";

		CHECK_FOR_INTERRUPTS();
		MemoryContextReset(scratch);
		MemoryContextSwitchTo(scratch);
		initStringInfo(&buf);
		{
			const Sample *s = &pool->item[below(pool->n)];

			appendBinaryStringInfo(&buf, s->data, s->len);
		}
		if (below(100) >= 30)
			mutate(&buf, pool, binary);
		if (!binary && !pg_verifymbstr(buf.data, buf.len, true))
			pg_unicode_to_server(0xFFFD, (unsigned char *) buf.data), buf.len = strlen(buf.data);

		tried++;
		BeginInternalSubTransaction(NULL);
		MemoryContextSwitchTo(scratch);
		PG_TRY();
		{
			const char *text = "";
			Datum		value = binary ? receive(&io, buf.data, buf.len)
				: InputFunctionCall(&io.in, buf.data, io.in_param, -1);

			valid++;
			problem = round_trip(&io, value, &text);
			detail = text;
			if (problem == NULL)
				pool_add(pool, keep, buf.data, buf.len);
			ReleaseCurrentSubTransaction();
		}
		PG_CATCH();
		{
			ErrorData  *err;

			MemoryContextSwitchTo(scratch);
			err = CopyErrorData();
			FlushErrorState();
			RollbackAndReleaseCurrentSubTransaction();
			if (err->sqlerrcode == ERRCODE_QUERY_CANCELED)
				ReThrowError(err);
			rejected++;
			if (ERRCODE_TO_CATEGORY(err->sqlerrcode) == MAKE_SQLSTATE('X', 'X', '0', '0', '0') ||
				err->sqlerrcode == ERRCODE_OUT_OF_MEMORY)
			{
				problem = "error without a class of its own";
				detail = err->message;
			}
		}
		PG_END_TRY();
		CurrentResourceOwner = owner;
		MemoryContextSwitchTo(keep);
		if (problem != NULL)
		{
			StringInfoData line;
			int			k;

			initStringInfo(&line);
			appendStringInfo(&line, "%s (%s): input ", problem, pnstrdup(detail, pg_mbcliplen(detail, strlen(detail), 200)));
			if (binary)
				for (k = 0; k < Min(buf.len, 400); k++)
					appendStringInfo(&line, "%02x", (unsigned char) buf.data[k]);
			else
				appendStringInfoString(&line, pnstrdup(buf.data, pg_mbcliplen(buf.data, buf.len, 400)));
			problems[n_problems++] = CStringGetTextDatum(line.data);
		}
	}

	if (get_call_result_type(fcinfo, NULL, &desc) != TYPEFUNC_COMPOSITE)
		ereport(ERROR, (errcode(ERRCODE_FEATURE_NOT_SUPPORTED), errmsg("fuzz_type must return a row")));
	values[0] = Int32GetDatum(tried);
	values[1] = Int32GetDatum(valid);
	values[2] = Int32GetDatum(rejected);
	values[3] = PointerGetDatum(construct_array(problems, n_problems, TEXTOID, -1, false, TYPALIGN_INT));
	PG_RETURN_DATUM(HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(desc), values, nulls)));
}
