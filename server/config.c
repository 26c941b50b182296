#define _GNU_SOURCE
#include "config.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "loss.h"
#include "resources.h"

/* ---- The table ------------------------------------------------------------ */

enum { LOOPS_MAX = 64 };

enum kind { STRING, LIST, SIZE, DURATION, INTEGER, CHOICE, FLAG };

struct setting {
	const char *flag;
	enum kind kind;
	size_t offset; /* of the member in struct srv_config */
	uint64_t min, max;
	uint64_t init;
	const char *init_text; /* STRING and LIST; or what to say instead of `init` */
	const char *const *choices;
	const char *help;
};

#define KIB(n)       ((uint64_t)(n) << 10)
#define MIB(n)       ((uint64_t)(n) << 20)
#define GIB(n)       ((uint64_t)(n) << 30)
#define SECONDS(n)   ((uint64_t)(n)*1000)
#define MEMBER(name) .offset = offsetof(struct srv_config, name)

static const char *const formats[] = {"json", "text", NULL};
static const char *const levels[] = {"debug", "info", "warn", "error", NULL};

/* The flag of each limit of the api: a limit without one does not compile. */
#define FLAG_body_bytes          "max-body"
#define FLAG_elements            "max-elements"
#define FLAG_depth               "max-depth"
#define FLAG_members             "max-members"
#define FLAG_string_bytes        "max-string"
#define FLAG_tensor_header_bytes "max-tensor-header"
#define FLAG_batch_items         "max-batch"
#define FLAG_terms               "max-terms"
#define FLAG_locations           "max-locations"
#define KIND_body_bytes          SIZE
#define KIND_elements            INTEGER
#define KIND_depth               INTEGER
#define KIND_members             INTEGER
#define KIND_string_bytes        SIZE
#define KIND_tensor_header_bytes SIZE
#define KIND_batch_items         INTEGER
#define KIND_terms               INTEGER
#define KIND_locations           INTEGER

static const struct setting settings[] = {
	{.flag = "listen",
	 .kind = LIST,
	 MEMBER(listen),
	 .init_text = "127.0.0.1:8080",
	 .help = "where to listen: HOST:PORT, [IPv6]:PORT or unix:/path; repeatable, or separated "
		 "by commas; port 0 takes a free one"},
	{.flag = "token-file",
	 .kind = STRING,
	 MEMBER(token_file),
	 .help = "file of bearer tokens, one a line; SIGHUP reads it again"},
	{.flag = "insecure",
	 .kind = FLAG,
	 MEMBER(insecure),
	 .help = "listen beyond loopback without a token file"},
	{.flag = "text",
	 .kind = FLAG,
	 MEMBER(text),
	 .help = "lossd eval: a report for people, not JSON; in colour on a terminal"},
	{.flag = "connections",
	 .kind = INTEGER,
	 MEMBER(connections),
	 .min = 1,
	 .max = 1 << 20,
	 .init = 1024,
	 .help = "open connections; more wait to be accepted"},
	{.flag = "connections-per-ip",
	 .kind = INTEGER,
	 MEMBER(connections_per_ip),
	 .min = 1,
	 .max = 1 << 20,
	 .init = 64,
	 .help = "open connections of one address (IPv6: of one /64), loopback excepted"},
	{.flag = "requests-per-ip",
	 .kind = INTEGER,
	 MEMBER(requests_per_ip),
	 .max = 1000000,
	 .help = "evaluations of one address a second, loopback excepted; more are told 429; 0 is "
		 "any number"},
	{.flag = "workers",
	 .kind = INTEGER,
	 MEMBER(workers),
	 .min = 1,
	 .max = 1024,
	 .init_text = "the CPUs it may use",
	 .help = "threads that evaluate"},
	{.flag = "loops",
	 .kind = INTEGER,
	 MEMBER(loops),
	 .min = 1,
	 .max = LOOPS_MAX,
	 .init_text = "one for every 4 CPUs it may use",
	 .help = "threads that speak HTTP, each with its own listening socket"},
	{.flag = "inline-bytes",
	 .kind = SIZE,
	 MEMBER(inline_bytes),
	 .max = MIB(1),
	 .init = KIB(4),
	 .help = "bodies up to this size are evaluated without a worker, being done sooner than "
		 "handed over"},
	{.flag = "queue-requests",
	 .kind = INTEGER,
	 MEMBER(queue_requests),
	 .min = 1,
	 .max = 1 << 20,
	 .init = 256,
	 .help = "requests admitted and not yet answered; more are told 503"},
	{.flag = "queue-bytes",
	 .kind = SIZE,
	 MEMBER(queue_bytes),
	 .min = KIB(64),
	 .max = GIB(1 << 20),
	 .init_text = "1GiB, or half the memory it may use",
	 .help = "memory of all requests together, not less than --max-body; more are told 503"},
	{.flag = "keep-bytes",
	 .kind = SIZE,
	 MEMBER(keep_bytes),
	 .max = GIB(1 << 20),
	 .init = GIB(1),
	 .help = "large memory kept for the next requests for some seconds; with what is in use "
		 "never more than has been in use at once"},
	{.flag = "timeout",
	 .kind = DURATION,
	 MEMBER(timeout_ms),
	 .min = 1,
	 .max = SECONDS(86400),
	 .init = SECONDS(30),
	 .help = "from the end of a request to its answer, else 504; X-Request-Timeout-Ms asks for "
		 "less"},
	{.flag = "header-time",
	 .kind = DURATION,
	 MEMBER(header_ms),
	 .min = 10,
	 .max = SECONDS(3600),
	 .init = SECONDS(10),
	 .help = "for the headers of a request to arrive"},
	{.flag = "body-time",
	 .kind = DURATION,
	 MEMBER(body_ms),
	 .min = 10,
	 .max = SECONDS(3600),
	 .init = SECONDS(10),
	 .help = "for a body to arrive or a reply to be read, beside its bytes at --min-rate"},
	{.flag = "min-rate",
	 .kind = SIZE,
	 MEMBER(rate_bytes),
	 .min = 1,
	 .max = GIB(1),
	 .init = KIB(64),
	 .help = "bytes a second a client must keep up"},
	{.flag = "idle-time",
	 .kind = DURATION,
	 MEMBER(idle_ms),
	 .min = 10,
	 .max = SECONDS(3600),
	 .init = SECONDS(75),
	 .help = "between two requests of a connection"},
	{.flag = "drain-delay",
	 .kind = DURATION,
	 MEMBER(drain_delay_ms),
	 .max = SECONDS(3600),
	 .help = "from SIGTERM to the end of listening, not ready meanwhile, for load balancers"},
	{.flag = "drain-timeout",
	 .kind = DURATION,
	 MEMBER(drain_ms),
	 .max = SECONDS(3600),
	 .init = SECONDS(30),
	 .help = "for admitted requests to be answered when stopping, else 503"},
	{.flag = "log-format",
	 .kind = CHOICE,
	 MEMBER(log_format),
	 .choices = formats,
	 .init = SRV_LOG_JSON,
	 .help = "form of the log on standard error"},
	{.flag = "log-level",
	 .kind = CHOICE,
	 MEMBER(log_level),
	 .choices = levels,
	 .init = SRV_INFO,
	 .help = "least level that is logged; requests are info"},
#define X(member, number, doc)                                                                     \
	{.flag = FLAG_##member,                                                                    \
	 .kind = KIND_##member,                                                                    \
	 MEMBER(limits.member),                                                                    \
	 .min = 1,                                                                                 \
	 .max = GIB(1 << 20),                                                                      \
	 .init = number,                                                                           \
	 .help = doc},
	API_LIMITS(X)
#undef X
		{.flag = "help", .kind = FLAG, MEMBER(help), .help = "print this"},
	{.flag = "version", .kind = FLAG, MEMBER(version), .help = "print versions"},
	{.flag = "settings-markdown", .kind = FLAG, MEMBER(markdown)}, /* no help: not for users */
};

enum { SETTING_COUNT = sizeof settings / sizeof *settings, NAME_MAX_BYTES = 48 };

static void *member_of(struct srv_config *config, const struct setting *setting)
{
	return (char *)config + setting->offset;
}

/* help, version and the like say what to do, not how. */
static bool is_command(const struct setting *setting)
{
	return setting->kind == FLAG && setting->offset >= offsetof(struct srv_config, help);
}

static void environment_name(const struct setting *setting, char name[NAME_MAX_BYTES])
{
	snprintf(name, NAME_MAX_BYTES, "LOSSD_%s", setting->flag);
	for (char *c = name; *c; c++)
		*c = *c == '-' ? '_' : (char)toupper((unsigned char)*c);
}

/* ---- Text to numbers and back --------------------------------------------- */

struct unit {
	const char *name;
	uint64_t factor;
};

/* The first is what a bare number means, if it is named "". */
static const struct unit size_units[] = {{"", 1},         {"B", 1},        {"KiB", KIB(1)},
					 {"MiB", MIB(1)}, {"GiB", GIB(1)}, {NULL, 0}};
static const struct unit duration_units[] = {{"ms", 1}, {"s", 1000}, {"min", 60000}, {NULL, 0}};
static const struct unit integer_units[] = {{"", 1}, {NULL, 0}};

static const struct {
	const struct unit *units;
	const char *says;
} number_kinds[] = {
	[SIZE] = {size_units, "a size such as 4096, 64KiB or 1GiB"},
	[DURATION] = {duration_units, "a time such as 500ms, 30s or 2min"},
	[INTEGER] = {integer_units, "a whole number"},
};

static bool number_read(const char *text, const struct unit *units, uint64_t *value)
{
	char *end;
	unsigned long long digits;

	if (!isdigit((unsigned char)*text))
		return false;
	errno = 0;
	digits = strtoull(text, &end, 10);
	if (errno != 0)
		return false;
	end += strspn(end, " ");
	for (const struct unit *unit = units; unit->name; unit++)
		if (strcmp(end, unit->name) == 0)
			return !__builtin_mul_overflow(digits, unit->factor, value);
	return false;
}

/* With the largest unit that leaves a whole number. */
static const char *number_text(enum kind kind, uint64_t value, char *text, size_t bytes)
{
	const struct unit *best = number_kinds[kind].units;

	for (const struct unit *unit = best; unit->name; unit++)
		if (value != 0 && value % unit->factor == 0 && unit->factor > best->factor)
			best = unit;
	snprintf(text, bytes, "%" PRIu64 "%s", value / best->factor, best->name);
	return text;
}

/* ---- Setting one value ---------------------------------------------------- */

struct origin {
	const char *name; /* "--workers" or "LOSSD_WORKERS" */
	struct srv_config_error *err;
};

static bool fail(const struct origin *origin, const char *value, const char *expected)
{
	if (!origin) /* a default of the table, which is right */
		return false;
	snprintf(origin->err->text, sizeof origin->err->text, "%s: \"%.80s\" is not %s",
		 origin->name, value, expected);
	return false;
}

static bool set_number(struct srv_config *config, const struct setting *setting, const char *text,
		       const struct origin *origin)
{
	char min[32], max[32], expected[128];
	uint64_t value;

	if (!number_read(text, number_kinds[setting->kind].units, &value))
		return fail(origin, text, number_kinds[setting->kind].says);
	if (value < setting->min || value > setting->max) {
		snprintf(expected, sizeof expected, "between %s and %s",
			 number_text(setting->kind, setting->min, min, sizeof min),
			 number_text(setting->kind, setting->max, max, sizeof max));
		return fail(origin, text, expected);
	}
	*(uint64_t *)member_of(config, setting) = value;
	return true;
}

static void choices_text(const struct setting *setting, const char *separator, char *text,
			 size_t bytes)
{
	size_t used = 0;

	text[0] = '\0';
	for (size_t i = 0; setting->choices[i] && used < bytes; i++)
		used += (size_t)snprintf(text + used, bytes - used, "%s%s", i ? separator : "",
					 setting->choices[i]);
}

static bool set_choice(struct srv_config *config, const struct setting *setting, const char *text,
		       const struct origin *origin)
{
	char expected[128];

	for (uint64_t i = 0; setting->choices[i]; i++) {
		if (strcmp(setting->choices[i], text) == 0) {
			*(uint64_t *)member_of(config, setting) = i;
			return true;
		}
	}
	choices_text(setting, " or ", expected, sizeof expected);
	return fail(origin, text, expected);
}

static bool set_flag(struct srv_config *config, const struct setting *setting, const char *text,
		     const struct origin *origin)
{
	static const struct {
		const char *text;
		bool value;
	} words[] = {{"", true},   {"1", true},      {"true", true}, {"yes", true}, {"on", true},
		     {"0", false}, {"false", false}, {"no", false},  {"off", false}};

	for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
		if (strcmp(words[i].text, text) == 0) {
			*(bool *)member_of(config, setting) = words[i].value;
			return true;
		}
	}
	return fail(origin, text, "true or false");
}

/* Add what stands between commas. */
static bool list_add(struct srv_list *list, const char *text, const struct origin *origin)
{
	for (;;) {
		size_t length = strcspn(text, ",");

		if (length == 0 || length >= SRV_LIST_ITEM_BYTES)
			return fail(origin, text, "a list of addresses");
		if (list->count == SRV_LIST_MAX)
			return fail(origin, text, "taken: 16 values are the most");
		memcpy(list->items[list->count], text, length);
		list->items[list->count++][length] = '\0';
		if (text[length] == '\0')
			return true;
		text += length + 1;
	}
}

static bool set_value(struct srv_config *config, const struct setting *setting, const char *text,
		      const struct origin *origin)
{
	switch (setting->kind) {
	case STRING:
		*(const char **)member_of(config, setting) = *text ? text : NULL;
		return true;
	case LIST:
		return list_add(member_of(config, setting), text, origin);
	case SIZE:
	case DURATION:
	case INTEGER:
		return set_number(config, setting, text, origin);
	case CHOICE:
		return set_choice(config, setting, text, origin);
	case FLAG:
		return set_flag(config, setting, text, origin);
	}
	return false;
}

/* ---- The three sources ---------------------------------------------------- */

static void set_defaults(struct srv_config *config)
{
	memset(config, 0, sizeof *config);
	for (size_t i = 0; i < SETTING_COUNT; i++) {
		const struct setting *setting = &settings[i];

		if (setting->kind == LIST)
			list_add(member_of(config, setting), setting->init_text, NULL);
		else if (setting->kind != STRING && setting->kind != FLAG)
			*(uint64_t *)member_of(config, setting) = setting->init;
	}
	config->limits.body_bytes = 0;
}

static uint64_t least(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

/* One loop answers some ten thousand small requests a second, and beside large
 * ones it is idle; where there are few CPUs a further one only takes time from
 * the workers. */
static uint64_t loops_for(uint64_t cpus)
{
	return cpus < 8 ? 1 : least(cpus / 4, LOOPS_MAX);
}

/* What nobody has set, by what the process may use.  The other half of the
 * memory is for connections, threads and the system's buffers of their sockets. */
static void set_by_resources(struct srv_config *config)
{
	struct api_limits limits;

	api_limits_init(&limits);
	if (config->workers == 0)
		config->workers = srv_cpu_count();
	if (config->loops == 0)
		config->loops = loops_for(srv_cpu_count());
	if (config->queue_bytes == 0)
		config->queue_bytes = least(GIB(1), srv_memory_bytes() / 2);
	if (config->limits.body_bytes == 0)
		config->limits.body_bytes = least(limits.body_bytes, config->queue_bytes);
}

static bool set_from_environment(struct srv_config *config, srv_environment *environment,
				 struct srv_config_error *err)
{
	for (size_t i = 0; i < SETTING_COUNT; i++) {
		const struct setting *setting = &settings[i];
		char name[NAME_MAX_BYTES];
		const char *text;

		environment_name(setting, name);
		text = is_command(setting) ? NULL : environment(name);
		if (!text || *text == '\0') /* set to nothing is not set */
			continue;
		if (setting->kind == LIST)
			((struct srv_list *)member_of(config, setting))->count = 0;
		if (!set_value(config, setting, text, &(struct origin){name, err}))
			return false;
	}
	return true;
}

static const struct setting *setting_find(const char *flag, size_t length)
{
	for (size_t i = 0; i < SETTING_COUNT; i++)
		if (strlen(settings[i].flag) == length &&
		    strncmp(settings[i].flag, flag, length) == 0)
			return &settings[i];
	return NULL;
}

static bool fail_unknown(const char *flag, size_t length, struct srv_config_error *err)
{
	const char *names[SETTING_COUNT];
	char name[NAME_MAX_BYTES];
	const char *near;

	for (size_t i = 0; i < SETTING_COUNT; i++)
		names[i] = settings[i].flag;
	snprintf(name, sizeof name, "%.*s", (int)(length < 40 ? length : 40), flag);
	near = loss_nearest_of(name, names, SETTING_COUNT);
	snprintf(err->text, sizeof err->text, "there is no setting --%s%s%s%s", name,
		 near ? " (did you mean --" : "", near ? near : "", near ? "?)" : "");
	return false;
}

/* One flag and its value, which may be the next argument: *index moves on. */
static bool set_from_flag(struct srv_config *config, int argc, char *const *argv, int *index,
			  bool seen[SETTING_COUNT], struct srv_config_error *err)
{
	const char *flag = argv[*index] + 2, *equals = strchr(flag, '=');
	size_t length = equals ? (size_t)(equals - flag) : strlen(flag);
	const struct setting *setting = setting_find(flag, length);
	const char *text = equals ? equals + 1 : "";
	char name[NAME_MAX_BYTES];

	if (!setting)
		return fail_unknown(flag, length, err);
	snprintf(name, sizeof name, "--%s", setting->flag);
	if (!equals && setting->kind != FLAG) {
		if (*index + 1 == argc) {
			snprintf(err->text, sizeof err->text, "%s needs a value", name);
			return false;
		}
		text = argv[++*index];
	}
	if (setting->kind == LIST && !seen[setting - settings])
		((struct srv_list *)member_of(config, setting))->count = 0;
	seen[setting - settings] = true;
	return set_value(config, setting, text, &(struct origin){name, err});
}

static bool set_from_arguments(struct srv_config *config, int argc, char *const *argv,
			       struct srv_config_error *err)
{
	bool seen[SETTING_COUNT] = {false};

	for (int i = 1; i < argc; i++) {
		if (strcmp(argv[i], "-h") == 0) {
			config->help = true;
		} else if (strncmp(argv[i], "--", 2) == 0) {
			if (!set_from_flag(config, argc, argv, &i, seen, err))
				return false;
		} else if (config->argument_count == SRV_ARGUMENTS_MAX) {
			snprintf(err->text, sizeof err->text, "too many arguments: \"%.80s\"",
				 argv[i]);
			return false;
		} else {
			config->arguments[config->argument_count++] = argv[i];
		}
	}
	return true;
}

/* A body that could never be held would wait for memory for ever. */
static bool check_together(const struct srv_config *config, struct srv_config_error *err)
{
	if (config->limits.body_bytes <= config->queue_bytes)
		return true;
	snprintf(err->text, sizeof err->text,
		 "--queue-bytes: %" PRIu64 " is less than --max-body, %" PRIu64,
		 config->queue_bytes, config->limits.body_bytes);
	return false;
}

bool srv_config_parse(struct srv_config *config, int argc, char *const *argv,
		      srv_environment *environment, struct srv_config_error *err)
{
	set_defaults(config);
	if (!set_from_environment(config, environment, err) ||
	    !set_from_arguments(config, argc, argv, err))
		return false;
	set_by_resources(config);
	return check_together(config, err);
}

/* ---- The table as text ---------------------------------------------------- */

static const char *default_text(const struct setting *setting, char *text, size_t bytes)
{
	switch (setting->kind) {
	case SIZE:
	case DURATION:
	case INTEGER:
		if (!setting->init_text)
			return number_text(setting->kind, setting->init, text, bytes);
		break;
	case CHOICE:
		return setting->choices[setting->init];
	case FLAG:
		return "off";
	case STRING:
	case LIST:
		break;
	}
	return setting->init_text ? setting->init_text : "none";
}

static void range_text(const struct setting *setting, char *text, size_t bytes)
{
	char min[32], max[32];

	text[0] = '\0';
	if (setting->kind == CHOICE)
		choices_text(setting, ", ", text, bytes);
	else if (setting->kind == SIZE || setting->kind == DURATION || setting->kind == INTEGER)
		snprintf(text, bytes, "%s to %s",
			 number_text(setting->kind, setting->min, min, sizeof min),
			 number_text(setting->kind, setting->max, max, sizeof max));
}

static void help_row(FILE *out, const struct setting *setting)
{
	char name[NAME_MAX_BYTES], number[32], range[128];

	fprintf(out, "  --%s\n      %s\n", setting->flag, setting->help);
	if (is_command(setting))
		return;
	environment_name(setting, name);
	range_text(setting, range, sizeof range);
	fprintf(out, "      default %s%s%s; or %s in the environment\n",
		default_text(setting, number, sizeof number), *range ? ", " : "", range, name);
}

void srv_config_help(FILE *out)
{
	fputs("Settings, each as --flag VALUE or --flag=VALUE.  Sizes take KiB, MiB, GiB; times "
	      "take ms, s, min.\n\n",
	      out);
	for (size_t i = 0; i < SETTING_COUNT; i++)
		if (settings[i].help)
			help_row(out, &settings[i]);
}

void srv_config_markdown(FILE *out)
{
	fputs("| setting | environment | default | range | what |\n|---|---|---|---|---|\n", out);
	for (size_t i = 0; i < SETTING_COUNT; i++) {
		char name[NAME_MAX_BYTES], number[32], range[128];

		if (is_command(&settings[i]))
			continue;
		environment_name(&settings[i], name);
		range_text(&settings[i], range, sizeof range);
		fprintf(out, "| `--%s` | `%s` | %s | %s | %s |\n", settings[i].flag, name,
			default_text(&settings[i], number, sizeof number), range, settings[i].help);
	}
}
