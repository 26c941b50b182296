/* The catalogue, and every form of a name: finding what was meant. */
#include "loss_impl.h"

#define LOSS(id) extern const struct loss loss_described_##id;
#include "loss_list.h"
#undef LOSS

static const struct loss *const losses[] = {
#define LOSS(id) &loss_described_##id,
#include "loss_list.h"
#undef LOSS
};

enum { LOSSES = sizeof losses / sizeof losses[0], NAME_BYTES = 64 };

size_t loss_count(void)
{
	return LOSSES;
}

const struct loss *loss_at(size_t index)
{
	return index < LOSSES ? losses[index] : NULL;
}

/* ---- Roles ---------------------------------------------------------------- */

static const struct {
	const char *name, *alias, *doc;
} roles[] = {
#define X(id, name, alias, doc) {name, alias, doc},
	LOSS_ROLES(X)
#undef X
};

enum loss_role loss_role_find(const char *name)
{
	for (int role = 0; role < LOSS_ROLE_COUNT; role++)
		if (!strcmp(name, roles[role].name) ||
		    (*roles[role].alias && !strcmp(name, roles[role].alias)))
			return (enum loss_role)role;
	return LOSS_ROLE_NONE;
}

const char *loss_role_name(enum loss_role role)
{
	return role >= 0 && role < LOSS_ROLE_COUNT ? roles[role].name : "";
}

const char *loss_role_doc(enum loss_role role)
{
	return role >= 0 && role < LOSS_ROLE_COUNT ? roles[role].doc : "";
}

/* ---- Names of losses ------------------------------------------------------ */

static bool is_upper(char ch)
{
	return ch >= 'A' && ch <= 'Z';
}

static char to_lower(char ch)
{
	return is_upper(ch) ? (char)(ch - 'A' + 'a') : ch;
}

/* "nn.CrossEntropyLoss" and "F.cross_entropy" -> "crossentropy": what stands
 * behind the last dot, without case, '_', '-' and a final "loss". */
static void fold(char out[NAME_BYTES], const char *name)
{
	const char *dot = strrchr(name, '.');
	size_t n = 0;

	for (const char *ch = dot ? dot + 1 : name; *ch && n < NAME_BYTES - 1; ch++)
		if (*ch != '_' && *ch != '-' && *ch != ' ')
			out[n++] = to_lower(*ch);
	out[n] = '\0';
	if (n > 4 && !strcmp(out + n - 4, "loss"))
		out[n - 4] = '\0';
}

static bool is_called(const struct loss *loss, const char *folded)
{
	char form[NAME_BYTES];

	fold(form, loss->name);
	if (!strcmp(form, folded))
		return true;
	for (int i = 0; i < LOSS_ALIASES_MAX && loss->aliases[i]; i++) {
		fold(form, loss->aliases[i]);
		if (!strcmp(form, folded))
			return true;
	}
	return false;
}

const struct loss *loss_find(const char *name)
{
	char folded[NAME_BYTES];

	if (strlen(name) >= NAME_BYTES)
		return NULL;
	fold(folded, name);
	for (size_t i = 0; i < LOSSES; i++)
		if (is_called(losses[i], folded))
			return losses[i];
	return NULL;
}

/* ---- The nearest name ----------------------------------------------------- */

/* Edits (insert, delete, replace, swap of neighbours) from a to b. */
static int edits(const char *a, const char *b)
{
	int n = (int)strlen(a), m = (int)strlen(b);
	int rows[3][NAME_BYTES + 1];
	int *before = rows[0], *above = rows[1], *row = rows[2];

	if (n >= NAME_BYTES || m >= NAME_BYTES)
		return NAME_BYTES;
	for (int j = 0; j <= m; j++)
		above[j] = j;
	for (int i = 1; i <= n; i++) {
		row[0] = i;
		for (int j = 1; j <= m; j++) {
			int best = above[j - 1] + (a[i - 1] != b[j - 1]);

			best = above[j] + 1 < best ? above[j] + 1 : best;
			best = row[j - 1] + 1 < best ? row[j - 1] + 1 : best;
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
				best = before[j - 2] + 1 < best ? before[j - 2] + 1 : best;
			row[j] = best;
		}
		int *free_row = before;

		before = above;
		above = row;
		row = free_row;
	}
	return above[m];
}

const char *loss_nearest_of(const char *name, const char *const *names, size_t count)
{
	char folded[NAME_BYTES] = "", form[NAME_BYTES] = "";
	const char *nearest = NULL;
	int best = NAME_BYTES;

	fold(folded, name);
	for (size_t i = 0; i < count; i++) {
		fold(form, names[i]);
		int distance = edits(folded, form);

		if (distance < best) {
			best = distance;
			nearest = names[i];
		}
	}
	/* A third of the letters wrong is another word, not a typing error. */
	return best <= 1 + (int)strlen(folded) / 3 ? nearest : NULL;
}

const char *loss_nearest(const char *name)
{
	const char *names[LOSSES * (LOSS_ALIASES_MAX + 1)];
	size_t count = 0;

	for (size_t i = 0; i < LOSSES; i++) {
		names[count++] = losses[i]->name;
		for (int k = 0; k < LOSS_ALIASES_MAX && losses[i]->aliases[k]; k++)
			names[count++] = losses[i]->aliases[k];
	}
	return loss_nearest_of(name, names, count);
}
