/*
 * example.c
 *		An event that a pattern means.
 */
#include "postgres.h"

#include "timeline/event_pattern.h"

#include "lib/stringinfo.h"
#include "utils/json.h"

#include "segment/example.h"

/* A number that a condition allows, as near to the given one as may be. */
static double
allowed_number(const CdCondition *condition, double number)
{
	double		literal = condition->nliterals > 0 ? condition->literals[0].number : 0;

	switch (condition->op)
	{
		case CD_OP_EQ:
		case CD_OP_IN:
			return literal;
		case CD_OP_GE:
			return Max(number, literal);
		case CD_OP_GT:
			return number > literal ? number : literal + 1;
		case CD_OP_LE:
			return Min(number, literal);
		case CD_OP_LT:
			return number < literal ? number : literal - 1;
		case CD_OP_NE:
		case CD_OP_NOT_IN:
			return number == literal ? number + 1 : number;
		default:
			return number;
	}
}

/* A text that a condition allows, as JSON; NULL: the property must be absent. */
static char *
allowed_text(const CdCondition *condition)
{
	StringInfoData buf,
				json;
	const CdLiteral *literal = condition->nliterals > 0 ? &condition->literals[0] : NULL;
	int			i;

	initStringInfo(&buf);
	switch (condition->op)
	{
		case CD_OP_ABSENT:
			return NULL;
		case CD_OP_LT:
		case CD_OP_LE:
		case CD_OP_GT:
		case CD_OP_GE:
			return psprintf("%.15g", allowed_number(condition, literal->number));
		case CD_OP_EQ:
		case CD_OP_IN:
			if (literal->is_number)
				return psprintf("%.15g", literal->number);
			appendBinaryStringInfo(&buf, literal->str, literal->len);
			break;
		case CD_OP_LIKE:
		case CD_OP_ILIKE:
			for (i = 0; i < literal->len; i++)
				if (literal->str[i] == '?')
					appendStringInfoChar(&buf, 'a');
				else if (literal->str[i] != '*')
					appendStringInfoChar(&buf, literal->str[i]);
			break;
		default:
			appendStringInfoString(&buf, "another");
	}
	initStringInfo(&json);
	escape_json(&json, buf.data);
	return json.data;
}

bool
cd_example_event(struct varlena *value, int which, CdExample *example)
{
	CdPattern  *pattern = cd_pattern_read(value);
	CdAlternative *alternative;
	StringInfoData json;
	int			i;

	if (which >= pattern->n)
		return false;
	alternative = &pattern->alternatives[which];
	memset(example, 0, sizeof(CdExample));
	example->kind = alternative->name.len > 0 ? pnstrdup(alternative->name.str, alternative->name.len) : "event";
	initStringInfo(&json);
	appendStringInfoChar(&json, '{');
	for (i = 0; i < alternative->nconditions; i++)
	{
		CdCondition *condition = &alternative->conditions[i];

		if (condition->field == CD_COL_VALUE)
		{
			example->has_value = condition->op != CD_OP_ABSENT;
			example->value = allowed_number(condition, example->value);
		}
		else if (condition->field == CD_COL_QUANTITY)
		{
			example->has_quantity = condition->op != CD_OP_ABSENT;
			example->quantity = allowed_number(condition, example->quantity);
		}
		else if (condition->field == CD_COL_PROPERTY)
		{
			char	   *text = allowed_text(condition);

			if (text == NULL)
				continue;
			if (json.len > 1)
				appendStringInfoString(&json, ", ");
			escape_json(&json, pnstrdup(condition->name, condition->namelen));
			appendStringInfo(&json, ": %s", text);
		}
	}
	appendStringInfoChar(&json, '}');
	example->properties = json.data;
	return true;
}
