/* Error codes and the struct that carries their particulars. */
#include <stdarg.h>
#include <stdio.h>

#include "loss_impl.h"

const char *loss_code_text(enum loss_code code)
{
	switch (code) {
#define X(name, text)                                                                              \
	case LOSS_##name:                                                                          \
		return text;
		LOSS_CODES(X)
#undef X
	}
	return "unknown error";
}

static enum loss_code fail(struct loss_error *err, enum loss_code code, const char *member,
			   bool is_param, const char *format, va_list args)
{
	if (!err)
		return code;
	err->code = code;
	err->is_param = is_param;
	err->at[0] = '\0';
	snprintf(err->member, sizeof err->member, "%s", member);
	vsnprintf(err->text, sizeof err->text, format, args);
	return code;
}

enum loss_code loss_fail(struct loss_error *err, enum loss_code code, const char *member,
			 const char *format, ...)
{
	va_list args;

	va_start(args, format);
	fail(err, code, member, false, format, args);
	va_end(args);
	return code;
}

enum loss_code loss_fail_param(struct loss_error *err, enum loss_code code, const char *member,
			       const char *format, ...)
{
	va_list args;

	va_start(args, format);
	fail(err, code, member, true, format, args);
	va_end(args);
	return code;
}
