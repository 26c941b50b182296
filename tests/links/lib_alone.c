/* A program of somebody else: libloss and libm, nothing more. */
#include <math.h>
#include <stdalign.h>
#include <stdint.h>
#include <stdio.h>

#include "loss.h"

static const float logits[] = {0.2f, 0.3f, 0.4f, -0.02f, -0.13f, 0.2f, 0.5f, -0.3f, 0.73f};
static const int64_t targets[] = {0, 2, 1};

static alignas(64) unsigned char scratch[1 << 16];

int main(void)
{
	struct loss_input in[] = {
		{.role = LOSS_ROLE_LOGITS,
		 .tensor = {.data = logits, .dtype = LOSS_FLOAT32, .rank = 2, .shape = {3, 3}},
		 .differentiate = true},
		{.role = LOSS_ROLE_TARGETS,
		 .tensor = {.data = targets, .dtype = LOSS_INT64, .rank = 1, .shape = {3}}},
	};
	struct loss_spec spec;
	struct loss_plan plan;
	struct loss_result result;
	struct loss_error err;
	float gradient[9];
	struct loss_outputs out = {.scratch = scratch, .gradients = {gradient}, .scale = 1};

	loss_spec_init(&spec, loss_find("cross_entropy"));
	if (loss_plan_init(&plan, &spec, in, 2, &err) || plan.scratch_bytes > sizeof scratch ||
	    loss_plan_evaluate(&plan, &out, &result, &err)) {
		fprintf(stderr, "%s\n", loss_code_text(err.code));
		return 1;
	}

	double slope = 0;
	for (int i = 0; i < 9; i++)
		slope += gradient[i];
	printf("loss %.7g, isa %s\n", result.loss, loss_isa());
	return !(fabs(result.loss - 1.3076527) < 1e-6 && fabs(slope) < 1e-6);
}
