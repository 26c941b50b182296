/* The schemas of the contract (JSON Schema 2020-12): those of losses, members,
 * problems and findings from their tables, the others a row for each property. */
#include <stdio.h>
#include <string.h>

#include "describe.h"
#include "evaluation.h"

/* ---- Schemas that are written down ----------------------------------------- */

/* One row a property; a '?' behind its name: may be missing.  Without a
 * property the row is the schema itself.  Rows of one schema stand together. */
static const struct row {
	const char *schema, *property, *notation, *doc;
} rows[] = {
	{"Real", NULL, "number|null|'NaN'|'Infinity'|'-Infinity'",
	 "A number. NaN and infinities are strings, or null where the request asks for it."},
	{"Reals", NULL, "[Real|Reals]", "Nested arrays of the shape of the tensor."},
	{"Number", NULL, "number|boolean|null|'NaN'|'Infinity'|'-Infinity'",
	 "NaN and infinities as strings or, which JSON does not know, bare; null is NaN; true and "
	 "false are 1 and 0."},
	{"Numbers", NULL, "[Number|Numbers]", ""},
	{"Tensor", NULL, "Number|Numbers|Shaped",
	 "A nested array, a bare number, or a shape and its data. Instead of a whole tensor null "
	 "is "
	 "the same as leaving it out."},
	{"Shaped", "shape", "[integer]", "The sizes of at most 8 axes."},
	{"Shaped", "data", "Number|Numbers", "Flat, or nested as the shape says."},
	{"ShapeOnly", "shape", "[integer]", "A tensor whose numbers do not matter."},

	{"LossSpec", NULL, "LossName|LossObject|WeightedSum", ""},
	{"WeightedSum", "terms", "[Term]", "Each has a weight and a loss; the losses add up."},
	{"Term", "weight?", "number", "1 unless given."},
	{"Term", "loss", "LossName|LossObject", ""},
	{"Term", "inputs?", "{string}", "Which members of the request it reads instead, by role."},

	{"EvaluateReply", NULL, "Evaluation|BatchReply", ""},
	{"BatchReply", "id?", "string|number", "The id beside the batch."},
	{"BatchReply", "results", "[Evaluation|Problem]", "One for each item, in order."},
	{"Evaluation", "id?", "string|number", "The id of the request."},
	{"Evaluation", "loss", "Real|Reals", "In the dtype; unreduced under reduction none."},
	{"Evaluation", "reduction?", "'none'|'mean'|'sum'|'batchmean'",
	 "Left out where the terms of a sum have different ones."},
	{"Evaluation", "sum?", "Real",
	 "Before the division, as float64: shards of one batch combine to (sum of sums) / (sum of "
	 "denominators)."},
	{"Evaluation", "denominator?", "Real",
	 "What the sum is divided by; 1 for a weighted sum of terms with different ones."},
	{"Evaluation", "weight?", "Reals", "The class weights that were made from counts."},
	{"Evaluation", "terms?", "[TermResult]", "Of a weighted sum."},
	{"Evaluation", "gradients?", "{Real|Reals}", "By the names of the members in the request."},
	{"Evaluation", "diagnostics?", "Diagnostics", ""},
	{"TermResult", "name", "string", ""},
	{"TermResult", "weight", "number", ""},
	{"TermResult", "loss", "Real", "Before its weight."},
	{"TermResult", "sum", "Real", ""},
	{"TermResult", "denominator", "Real", ""},
	{"TermResult", "class_weights?", "Reals", "Those that were made from counts."},

	{"FileRequest", NULL, "EvaluateRequest",
	 "A safetensors file: its tensors are inputs by name (BOOL, U8, I32, I64, F16, BF16, F32, "
	 "F64; \"3.logits\" is of item 3 of a batch), and the text under \"lossd\" in its "
	 "__metadata__ is the request without them, as JSON."},
	{"FileReply", NULL, "FileEvaluation|FileBatch",
	 "A safetensors file: its tensors are loss, whole or unreduced, and gradient_ with each "
	 "input (in a batch \"3.loss\"), and the text under \"lossd\" in its __metadata__ is this "
	 "as JSON."},
	{"FileBatch", "id?", "string|number", "The id beside the batch."},
	{"FileBatch", "results", "[FileEvaluation|Problem]", "One for each item, in order."},
	{"FileEvaluation", "id?", "string|number", "The id of the request."},
	{"FileEvaluation", "reduction?", "'none'|'mean'|'sum'|'batchmean'", ""},
	{"FileEvaluation", "sum?", "Real", ""},
	{"FileEvaluation", "denominator?", "Real", ""},
	{"FileEvaluation", "weight?", "Reals", "The class weights that were made from counts."},
	{"FileEvaluation", "terms?", "[TermResult]", "Of a weighted sum."},
	{"FileEvaluation", "diagnostics?", "Diagnostics", ""},

	{"CheckReply", NULL, "Check|CheckBatch", ""},
	{"CheckBatch", "id?", "string|number", "The id beside the batch."},
	{"CheckBatch", "results", "[Check|Problem]", "One for each item, in order."},
	{"Check", "id?", "string|number", "The id of the request."},
	{"Check", "loss", "LossObject|WeightedSum",
	 "With every parameter, ready to be sent. Class weights are left out."},
	{"Check", "dtype", "'float32'|'float64'|'float16'|'bfloat16'", ""},
	{"Check", "shape", "[integer]", "Of the loss; empty where it is reduced to a number."},
	{"Check", "gradients", "{[integer]}", "Their shapes, by the names of the members."},
	{"Check", "terms", "[CheckTerm]", "One, or those of a weighted sum."},
	{"Check", "numbers", "CheckCost", "Elements of all tensors."},
	{"Check", "memory", "CheckCost",
	 "Bytes that the request would hold at its peak, about and its body excepted, and what all "
	 "requests together may hold."},
	{"Check", "admitted", "boolean", "Whether it is within these limits."},
	{"Check", "seconds", "number|null",
	 "From what this server has measured of these losses, whatever else it does; null where "
	 "that "
	 "is too little."},
	{"CheckTerm", "name", "string", "Of the loss."},
	{"CheckTerm", "rows", "integer", "What reduction none answers one number for."},
	{"CheckTerm", "elements", "integer", "Of the prediction."},
	{"CheckTerm", "blocks", "[integer]", "In each phase; those of one run in parallel."},
	{"CheckTerm", "divisor?", "string", "What the sum is divided by."},
	{"CheckCost", "needed", "integer", ""},
	{"CheckCost", "limit", "integer", ""},

	{"Claim", "loss?", "Tensor", "Reduced or not, as the request says."},
	{"Claim", "gradients?", "{Tensor}", "By the names of the members of the request."},
	{"WishedTolerance", "rtol?", "number",
	 "1e-5 of float32, 1e-10 of float64, 2e-3 of float16, 2e-2 of bfloat16 unless given."},
	{"WishedTolerance", "atol?", "number",
	 "A tenth of the usual rtol, of the largest number in the tensor, unless given."},
	{"WishedTolerance", "ulp?", "number", "4 unless given."},
	{"Verification", "id?", "string|number", "The id of the request."},
	{"Verification", "agrees", "boolean", "All that is claimed."},
	{"Verification", "loss?", "Agreement", "Of the loss, if it is claimed."},
	{"Verification", "gradients?", "{Agreement}", "Of the gradients that are claimed."},
	{"Verification", "explanations", "[Explanation]",
	 "What was tried to explain the difference, by really computing it; what explains it "
	 "first. "
	 "Empty where everything agrees."},
	{"Agreement", "agrees", "boolean",
	 "Each number is within atol + rtol times ours, or within ulp units in the last place. NaN "
	 "agrees with NaN."},
	{"Agreement", "count", "integer", "Of numbers."},
	{"Agreement", "differing", "integer", "Of those that do not agree."},
	{"Agreement", "ulp", "Real",
	 "The largest difference in units in the last place of the dtype; NaN where the shapes "
	 "differ."},
	{"Agreement", "relative", "Real", "The largest relative difference."},
	{"Agreement", "absolute", "Real", ""},
	{"Agreement", "at", "[[integer]]", "The first places that differ, in index order."},
	{"Agreement", "truncated", "boolean", "There are more places than are listed."},
	{"Agreement", "claimed", "[Real]", "What stands at these places."},
	{"Agreement", "computed", "[Real]", "And what we have there."},
	{"Agreement", "tolerance", "Tolerance", "That was used."},
	{"Tolerance", "rtol", "number", ""},
	{"Tolerance", "atol", "number", ""},
	{"Tolerance", "ulp", "number", ""},
	{"Explanation", "name", "string", "What kind of explanation it is."},
	{"Explanation", "say", "string", "What may have been done elsewhere."},
	{"Explanation", "matches", "boolean", "Done here it gives all that is claimed."},
	{"Explanation", "explains", "[string]",
	 "What agrees then: \"loss\", \"gradients/logits\"."},
	{"Explanation", "loss?", "LossObject", "The spec to be sent instead, where it is that."},

	{"InferRequest", "id?", "string", "Echoed in the reply."},
	{"InferRequest", "model_name?", "string", "The loss that the path names."},
	{"InferRequest", "parameters?", "{string|number|boolean|null}",
	 "Parameters of the loss by name; dtype, diagnostics, nonfinite and max_locations; "
	 "gradient (a boolean, or names with commas between them); binary_data_output."},
	{"InferRequest", "inputs", "[InferInput]", "Roles of the loss by name."},
	{"InferRequest", "outputs?", "[InferOutputWish]",
	 "All there is unless given: the loss, gradients, diagnostics."},
	{"InferInput", "name", "string", "A role."},
	{"InferInput", "shape", "[integer]", ""},
	{"InferInput", "datatype", "'BOOL'|'UINT8'|'INT32'|'INT64'|'FP16'|'BF16'|'FP32'|'FP64'",
	 "FP16 and BF16 in binary only; an FP64 makes the arithmetic float64."},
	{"InferInput", "parameters?", "object",
	 "binary_data_size: bytes of the tensor behind the JSON, in the order of the inputs, whose "
	 "length Inference-Header-Content-Length tells."},
	{"InferInput", "data?", "Number|Numbers", "Flat or nested, unless binary."},
	{"InferOutputWish", "name", "string", "loss, diagnostics, or gradient_ and an input."},
	{"InferOutputWish", "parameters?", "object", "binary_data: bytes behind the JSON."},
	{"InferReply", "model_name", "string", "The name of the loss."},
	{"InferReply", "model_version", "'1'", ""},
	{"InferReply", "id?", "string", "The id of the request."},
	{"InferReply", "parameters", "{string|Real}",
	 "reduction, and for a reduced loss sum and denominator."},
	{"InferReply", "outputs", "[InferOutput]", ""},
	{"InferOutput", "name", "string", ""},
	{"InferOutput", "datatype", "'FP32'|'FP64'|'BYTES'", ""},
	{"InferOutput", "shape", "[integer]", "A reduced loss has the shape [1]."},
	{"InferOutput", "parameters?", "object", "binary_data_size of a binary tensor."},
	{"InferOutput", "data?", "[Real]|[string]", "Flat; diagnostics are one JSON document."},
	{"ServerLive", "live", "boolean", ""},
	{"ServerReady", "ready", "boolean", ""},
	{"ServerReady", "why?", "string", ""},
	{"ServerMetadata", "name", "string", ""},
	{"ServerMetadata", "version", "string", ""},
	{"ServerMetadata", "extensions", "[string]", ""},
	{"ModelMetadata", "name", "string", ""},
	{"ModelMetadata", "versions", "[string]", ""},
	{"ModelMetadata", "platform", "string", ""},
	{"ModelMetadata", "inputs", "[ModelTensor]", "Those that may be left out as well."},
	{"ModelMetadata", "outputs", "[ModelTensor]", ""},
	{"ModelTensor", "name", "string", ""},
	{"ModelTensor", "datatype", "string", "The usual one."},
	{"ModelTensor", "shape", "[integer]",
	 "-1: of any size; the number of axes is that of the request."},
	{"ModelReady", "name", "string", ""},
	{"ModelReady", "ready", "boolean", ""},

	{"Diagnostics", "verdict", "'ok'|'warning'|'nonfinite'", ""},
	{"Diagnostics", "findings", "[Finding]", "Root causes before what they cause."},
	{"Diagnostics", "stats?", "Statistics|TermStatistics", "With full."},
	{"TermStatistics", "terms", "[Statistics]",
	 "Of a weighted sum, whose terms share gradients."},
	{"Statistics", "inputs", "{Summary}", "Real-valued ones, by role."},
	{"Statistics", "gradients", "{Summary}", "Those that are returned, by role."},
	{"Statistics", "losses", "Summary", "Unreduced."},
	{"Statistics", "cancellation?", "Cancellation", "Of float32 and narrower."},
	{"Statistics", "classes?", "ClassStatistics",
	 "Of a loss with classes, or of a binary one: elements parted at 0.5."},
	{"Statistics", "hardest", "[HardRow]", "The 16 largest finite losses, the largest first."},
	{"Statistics", "gradient_check?", "GradientCheck",
	 "Where a gradient is returned that no other term adds to, and the batch can be cut or is "
	 "small."},
	{"Cancellation", "rows", "integer", "Evaluated again in float64."},
	{"Cancellation", "sampled", "boolean", "They are not all."},
	{"Cancellation", "sum", "Real", "Of their losses, as they were."},
	{"Cancellation", "sum_float64", "Real", ""},
	{"Cancellation", "relative_error", "Real", "NaN where the sum in float64 is 0."},
	{"Cancellation", "digits_lost", "Real", "Decimal, of those of the dtype."},
	{"ClassStatistics", "count", "integer", "Classes."},
	{"ClassStatistics", "rows", "integer", "Of the batch; of a binary loss, elements."},
	{"ClassStatistics", "counted_rows", "integer",
	 "Whose class was counted and loss added: all that count, or of many a sample."},
	{"ClassStatistics", "predicted_rows", "integer",
	 "Whose prediction was looked at, for all that follows from it: likewise."},
	{"ClassStatistics", "accuracy", "Real", ""},
	{"ClassStatistics", "calibration", "Calibration", ""},
	{"ClassStatistics", "per_class", "[ClassRow]",
	 "Of more than 1000 classes, those with the largest losses in sum."},
	{"ClassStatistics", "truncated", "boolean", "Some classes are not listed."},
	{"ClassStatistics", "confusion?", "[[integer]]",
	 "Rows by given and by predicted class; of up to 32 classes."},
	{"ClassStatistics", "confused?", "[Confusion]",
	 "Of more classes, the 64 most frequent mistakes."},
	{"ClassStatistics", "against_imbalance?", "AgainstImbalance", "With class_imbalance."},
	{"Calibration", "error", "Real",
	 "Expected calibration error: accuracy less confidence, over the bins."},
	{"Calibration", "bins", "[CalibrationBin]", "Ten, by the confidence of the prediction."},
	{"CalibrationBin", "count", "integer", ""},
	{"CalibrationBin", "confidence", "Real", "Mean; NaN without a row."},
	{"CalibrationBin", "accuracy", "Real", ""},
	{"ClassRow", "class", "integer", ""},
	{"ClassRow", "count", "integer", "Rows given this class."},
	{"ClassRow", "loss", "Real", "Their mean loss; NaN without one."},
	{"ClassRow", "predicted_rows", "integer", "Of them, those whose prediction was looked at."},
	{"ClassRow", "correct", "integer", "And was right."},
	{"Confusion", "given", "integer", ""},
	{"Confusion", "predicted", "integer", ""},
	{"Confusion", "count", "integer", ""},
	{"AgainstImbalance", "weights?", "[SuggestedWeights]", "Ready to send."},
	{"AgainstImbalance", "pos_weight?", "Real", "Of a binary loss: negatives over positives."},
	{"AgainstImbalance", "losses", "[string]", "That live with an imbalance."},
	{"SuggestedWeights", "weight", "ClassWeights", "As a request takes it."},
	{"SuggestedWeights", "weights", "Reals", "What it comes to."},
	{"HardRow", "at", "[integer]", "The place of the row, element or sample."},
	{"HardRow", "loss", "Real", ""},
	{"HardRow", "given?", "integer", "Class."},
	{"HardRow", "predicted?", "integer", "Class."},
	{"HardRow", "confidence?", "Real", "The probability of the predicted class."},
	{"GradientCheck", "worst", "Real", "The largest error."},
	{"GradientCheck", "samples", "[GradientSample]",
	 "Numbers spread over the batch, the one with the largest gradient first."},
	{"GradientSample", "input", "string", "By its role."},
	{"GradientSample", "at", "[integer]", ""},
	{"GradientSample", "gradient", "Real", "As returned."},
	{"GradientSample", "difference", "Real", "Central difference in float64."},
	{"GradientSample", "error", "Real",
	 "Relative to the larger of the two, or to a thousandth of the largest gradient; NaN where "
	 "no "
	 "step stays in the domain."},
	{"GradientSample", "kink", "boolean",
	 "The slopes on both sides differ: every gradient between them is right."},
	{"Summary", "count", "integer", "Elements."},
	{"Summary", "finite", "integer", ""},
	{"Summary", "nan", "integer", ""},
	{"Summary", "pos_inf", "integer", ""},
	{"Summary", "neg_inf", "integer", ""},
	{"Summary", "zeros", "integer", ""},
	{"Summary", "subnormals", "integer", ""},
	{"Summary", "saturated?", "integer",
	 "Probabilities, also those of a sigmoid of it, that are exactly 0 or 1 in the dtype."},
	{"Summary", "min", "Real", "Of the finite elements, as is what follows; NaN without any."},
	{"Summary", "max", "Real", ""},
	{"Summary", "mean", "Real", ""},
	{"Summary", "std", "Real", "Standard deviation of the population."},
	{"Summary", "norm", "Real", "Euclidean."},
	{"Summary", "smallest", "Real", "The smallest magnitude other than 0."},
	{"Summary", "quantiles", "Quantiles", ""},
	{"Summary", "sampled", "boolean", "The quantiles are those of a sample."},
	{"Summary", "quantile_count", "integer", "Elements that they were taken from."},
	{"Summary", "headroom", "{Real}",
	 "By type: powers of two that the largest magnitude may grow by before it overflows."},
	{"Summary", "footroom", "{Real}",
	 "By type: powers of two that the smallest magnitude may shrink by before it is 0."},
	{"Quantiles", "p1", "Real", "Linear between neighbours."},
	{"Quantiles", "p5", "Real", ""},
	{"Quantiles", "p25", "Real", ""},
	{"Quantiles", "p50", "Real", ""},
	{"Quantiles", "p75", "Real", ""},
	{"Quantiles", "p95", "Real", ""},
	{"Quantiles", "p99", "Real", ""},
	{"Severity", NULL, "'info'|'warning'|'error'", ""},
	{"Finding", "code", "FindingCode", ""},
	{"Finding", "severity", "Severity", ""},
	{"Finding", "stage", "string", ""},
	{"Finding", "term?", "integer", "Which term of a weighted sum."},
	{"Finding", "input", "string|null", "By its role; null: about no single one."},
	{"Finding", "count", "integer", "Elements, rows or samples, over the whole batch."},
	{"Finding", "at", "[[integer]]", "The first places, in index order."},
	{"Finding", "truncated", "boolean", "There are more places than are listed."},
	{"Finding", "operands", "{Real}", "The values at the first place."},
	{"Finding", "message", "string", "One sentence with the numbers in it."},
	{"Finding", "because", "[FindingCode]", "What caused it."},
	{"Finding", "effect?", "Effect", ""},
	{"Finding", "remedies", "[Remedy]", ""},
	{"Effect", "loss", "Real", ""},
	{"Effect", "nonfinite_losses", "integer", ""},
	{"Effect", "nonfinite_gradients", "integer", ""},
	{"Effect", "finite_rows", "integer", ""},
	{"Effect", "loss_over_finite_rows", "Real", ""},
	{"Remedy", "action", "RemedyAction", ""},
	{"Remedy", "say", "string", "What to do and what comes of it, with the numbers."},
	{"Remedy", "article?", "boolean",
	 "true: a cure that the usual articles on NaN give, and a good one."},
	{"Remedy", "trap?", "boolean",
	 "true: one that they give as well, shown for what it does, and not to be followed."},
	{"Remedy", "spec?", "LossObject", "The changed loss, ready to send."},
	{"Remedy", "input?", "string",
	 "The role to send the prediction in instead, converted as `say` tells."},
	{"Remedy", "dtype?", "string", "The dtype to ask for."},
	{"Remedy", "mask?", "Shaped", "The mask to send, where it has at most 1024 numbers."},
	{"Remedy", "loss_after?", "Real",
	 "Computed with the change made, as is what follows; in the dtype. Of a weighted sum that "
	 "of the term, before its weight; under reduction none the mean, or the sum of a loss "
	 "that has none."},
	{"Remedy", "gradient_norm_after?", "Real",
	 "L2, over the gradients that were asked for, or else the prediction's."},
	{"Remedy", "changes_finite_rows?", "boolean",
	 "Whether a loss that was finite and counted differs by more than rounding (64 units in "
	 "the last place; 2 in half precision)."},

	{"Catalogue", "losses", "[Loss]", ""},
	{"Loss", "name", "string", ""},
	{"Loss", "title", "string", ""},
	{"Loss", "family", "string", ""},
	{"Loss", "formula", "string", ""},
	{"Loss", "reference", "string", ""},
	{"Loss", "notes", "string", ""},
	{"Loss", "aliases", "[string]", ""},
	{"Loss", "inputs", "[LossInput]", "The prediction first."},
	{"Loss", "parameters", "[LossParameter]", ""},
	{"Loss", "reductions", "[string]", ""},
	{"Loss", "reduction", "string", "The default."},
	{"Loss", "ulp", "number", "Measured bound of the unreduced float32 loss."},
	{"Loss", "example", "EvaluateRequest", "A complete request."},
	{"LossInput", "name", "string", ""},
	{"LossInput", "forms", "[string]", "Given instead, and activated accordingly."},
	{"LossInput", "aliases", "[string]", "Mere other names."},
	{"LossInput", "kind", "string", ""},
	{"LossInput", "shape", "string", ""},
	{"LossInput", "optional", "boolean", ""},
	{"LossInput", "differentiable", "boolean", ""},
	{"LossInput", "doc", "string", ""},
	{"LossParameter", "name", "string", ""},
	{"LossParameter", "type", "'number'|'integer'|'boolean'|'string'|'number or null'", ""},
	{"LossParameter", "required", "boolean", ""},
	{"LossParameter", "default?", "number|string|boolean|null", ""},
	{"LossParameter", "minimum?", "number", ""},
	{"LossParameter", "exclusiveMinimum?", "number", ""},
	{"LossParameter", "maximum?", "number", ""},
	{"LossParameter", "exclusiveMaximum?", "number", ""},
	{"LossParameter", "choices?", "[string]", ""},
	{"LossParameter", "doc", "string", ""},
	{"Findings", "findings", "[FindingRow]", ""},
	{"FindingRow", "code", "FindingCode", ""},
	{"FindingRow", "severity", "Severity", ""},
	{"FindingRow", "stage", "string", ""},
	{"FindingRow", "cause", "string", ""},
	{"FindingRow", "cures", "[Cure]", ""},
	{"Cure", "say", "string", ""},
	{"Cure", "article", "boolean", "Proposed by the article the project started from."},
	{"Cure", "trap", "boolean", "It does not do what it seems to; `say` tells what it does."},

	{"Problem", "type", "string", "A URN that ends in the code."},
	{"Problem", "title", "string", ""},
	{"Problem", "status", "integer", ""},
	{"Problem", "detail", "string", "Found, expected and where."},
	{"Problem", "code", "ProblemCode", ""},
	{"Problem", "pointer?", "string", "RFC 6901."},
	{"Problem", "line?", "integer", "From 1."},
	{"Problem", "column?", "integer", "Characters, from 1."},
	{"Problem", "offset?", "integer", "Bytes, from 0."},
	{"Problem", "limit?", "integer", ""},
	{"Problem", "actual?", "integer", ""},
	{"Problem", "error", "string", "The detail once more."},
	{"Health", "status", "'live'|'ready'|'not_ready'", ""},
	{"Health", "why?", "string", ""},
	{"Stats", "version", "string", ""},
	{"Stats", "uptime_s", "number", ""},
	{"Stats", "build", "object", "isa, compiler, library versions."},
	{"Stats", "limits", "Limits", ""},
	{"Stats", "requests", "object", "By route and status; in flight; bytes in and out."},
	{"Stats", "losses", "object", "By name."},
	{"Stats", "latency", "object", "Seconds, by stage."},
	{"Stats", "queue", "object", ""},
	{"Stats", "workers", "object", ""},
	{"Stats", "findings", "object", "By code."},
	{"Stats", "findings_by_loss", "object", "By loss and code; those that were found."},
	{"Stats", "loop", "object",
	 "Seconds at work in one turn; late: more than 200 microseconds."},
	{"Stats", "connections", "object", ""},
	{"Stats", "log", "object", "Lines that nobody read in time."},
	{"Stats", "process", "object", ""},
	{"OpenAPI", NULL, "object", "This document."},
};

enum { ROWS = sizeof rows / sizeof rows[0] };

/* Schemas that may hold more than is written down. */
static bool is_open(const char *schema)
{
	return !strcmp(schema, "Stats");
}

static bool is_optional(const struct row *row)
{
	return strchr(row->property, '?') != NULL;
}

static void write_property(struct api_text *text, const struct row *row)
{
	char name[40];

	snprintf(name, sizeof name, "%.*s", (int)strcspn(row->property, "?"), row->property);
	api_schema_member(text, name, row->notation, row->doc);
}

/* The rows of one schema. */
static void write_object(struct api_text *text, const struct row *first, size_t count)
{
	api_text_open(text, '{');
	api_text_member(text, "type", "object");
	api_text_member_open(text, "properties", '{');
	for (size_t i = 0; i < count; i++)
		write_property(text, &first[i]);
	api_text_close(text, '}');
	api_text_member_open(text, "required", '[');
	for (size_t i = 0; i < count; i++)
		if (!is_optional(&first[i]))
			api_text_string(text, first[i].property);
	api_text_close(text, ']');
	if (!is_open(first->schema))
		api_text_member_bool(text, "additionalProperties", false);
	api_text_close(text, '}');
}

static void write_rows(struct api_text *text)
{
	for (size_t i = 0, count; i < ROWS; i += count) {
		api_text_key(text, rows[i].schema);
		for (count = 1; i + count < ROWS; count++)
			if (strcmp(rows[i].schema, rows[i + count].schema))
				break;
		if (rows[i].property)
			write_object(text, &rows[i], count);
		else
			api_schema_write(text, rows[i].notation, rows[i].doc);
	}
}

/* ---- Parameters ------------------------------------------------------------- */

static void write_bound(struct api_text *text, const struct loss_bound *bound, const char *closed,
			const char *open)
{
	if (bound->kind != LOSS_UNBOUNDED)
		api_text_member_real(text, bound->kind == LOSS_OPEN ? open : closed, bound->value);
}

static void write_choices(struct api_text *text, const struct loss *loss,
			  const struct loss_param_row *row, bool is_common)
{
	api_text_member_open(text, "enum", '[');
	for (int i = 0; i < LOSS_CHOICES_MAX && row->choices[i]; i++)
		if (api_choice_exists(loss, row, is_common, i))
			api_text_string(text, row->choices[i]);
	api_text_close(text, ']');
}

/* `loss` NULL: the rows of class weights. */
static void write_param(struct api_text *text, const struct loss *loss,
			const struct loss_param_row *row, bool is_common)
{
	static const char *const notations[] = {
		[LOSS_PARAM_REAL] = "number",       [LOSS_PARAM_INTEGER] = "integer",
		[LOSS_PARAM_FLAG] = "boolean",      [LOSS_PARAM_CHOICE] = "string",
		[LOSS_PARAM_MAYBE] = "number|null",
	};

	api_text_key(text, row->name);
	api_schema_open(text, notations[row->kind], row->doc);
	if (row->kind == LOSS_PARAM_CHOICE)
		write_choices(text, loss, row, is_common);
	write_bound(text, &row->min, "minimum", "exclusiveMinimum");
	write_bound(text, &row->max, "maximum", "exclusiveMaximum");
	if (!row->required) {
		api_text_key(text, "default");
		api_default_write(text, loss, row, is_common);
	}
	api_text_close(text, '}');
}

static void write_class_weights(struct api_text *text)
{
	const struct loss_param_row *row;

	api_text_open(text, '{');
	api_text_member(text, "description",
			"Class weights made from counts, given or taken from the targets.");
	api_text_member(text, "type", "object");
	api_text_member_open(text, "properties", '{');
	for (size_t i = 0; (row = loss_weight_param_at(i)); i++)
		write_param(text, NULL, row, false);
	api_schema_member(text, "counts", "Tensor", "How often each class occurs.");
	api_text_close(text, '}');
	api_text_member_json(text, "required", "[\"from\"]");
	api_text_member_bool(text, "additionalProperties", false);
	api_text_close(text, '}');
}

/* ---- Losses ----------------------------------------------------------------- */

static void write_names(struct api_text *text, const struct loss *loss)
{
	api_text_string(text, loss->name);
	for (int i = 0; i < LOSS_ALIASES_MAX && loss->aliases[i]; i++)
		api_text_string(text, loss->aliases[i]);
}

static void write_required(struct api_text *text, const struct loss *loss)
{
	const struct loss_param_row *row;
	bool is_common;

	api_text_member_open(text, "required", '[');
	api_text_string(text, "name");
	for (size_t i = 0; (row = loss_param_at(loss, i, &is_common)); i++)
		if (row->required)
			api_text_string(text, row->name);
	api_text_close(text, ']');
}

static void write_loss_properties(struct api_text *text, const struct loss *loss)
{
	const struct loss_param_row *param;
	const struct loss_input_row *input;
	bool is_common;

	api_text_member_open(text, "name", '{');
	api_text_member_open(text, "enum", '[');
	write_names(text, loss);
	api_text_close(text, ']');
	api_text_close(text, '}');
	for (size_t i = 0; (param = loss_param_at(loss, i, &is_common)); i++)
		write_param(text, loss, param, is_common);
	for (size_t i = 0; (input = loss_input_at(loss, i)); i++)
		if (api_row_is_in_spec(input))
			api_schema_member(text, loss_role_name(input->role),
					  input->shape == LOSS_SHAPE_PER_CLASS
						  ? "Tensor|ClassWeights"
						  : "Tensor",
					  input->doc ? input->doc : loss_role_doc(input->role));
}

static void write_loss(struct api_text *text, const struct loss *loss)
{
	api_text_open(text, '{');
	api_text_member(text, "title", loss->title);
	api_text_member(text, "description", loss->formula);
	api_text_member(text, "type", "object");
	api_text_member_open(text, "properties", '{');
	write_loss_properties(text, loss);
	api_text_close(text, '}');
	write_required(text, loss);
	api_text_member_bool(text, "additionalProperties", false);
	api_text_close(text, '}');
}

static void write_loss_name(struct api_text *text)
{
	const struct loss *loss;

	api_schema_open(text, "string",
			"The name of a loss or an alias, whatever its case, with or without "
			"underscores, a leading module (nn., F.) and a final Loss.");
	api_text_member_open(text, "examples", '[');
	for (size_t i = 0; (loss = loss_at(i)); i++)
		api_text_string(text, loss->name);
	api_text_close(text, ']');
	api_text_close(text, '}');
}

/* Any spelling of a name that the catalogue does not list: the parameters are
 * left to the server. */
static void write_other_spelling(struct api_text *text)
{
	const struct loss *loss;

	api_schema_open(text, "object", "Any other spelling of a name.");
	api_text_member_open(text, "properties", '{');
	api_text_member_open(text, "name", '{');
	api_text_member(text, "type", "string");
	api_text_member_open(text, "not", '{');
	api_text_member_open(text, "enum", '[');
	for (size_t i = 0; (loss = loss_at(i)); i++)
		write_names(text, loss);
	api_text_close(text, ']');
	api_text_close(text, '}');
	api_text_close(text, '}');
	api_text_close(text, '}');
	api_text_member_json(text, "required", "[\"name\"]");
	api_text_close(text, '}');
}

static void loss_schema_name(char *name, size_t bytes, const struct loss *loss)
{
	snprintf(name, bytes, "Loss_%s", loss->name);
}

static void write_loss_object(struct api_text *text)
{
	const struct loss *loss;
	char name[80];

	api_text_open(text, '{');
	api_text_member_open(text, "anyOf", '[');
	for (size_t i = 0; (loss = loss_at(i)); i++) {
		loss_schema_name(name, sizeof name, loss);
		api_schema_write(text, name, NULL);
	}
	write_other_spelling(text);
	api_text_close(text, ']');
	api_text_close(text, '}');
}

static void write_losses(struct api_text *text)
{
	const struct loss *loss;
	char name[80];

	for (size_t i = 0; (loss = loss_at(i)); i++) {
		loss_schema_name(name, sizeof name, loss);
		api_text_key(text, name);
		write_loss(text, loss);
	}
}

/* ---- Requests --------------------------------------------------------------- */

/* What may be asked with: a request, or an item of its batch. */
struct asked {
	bool is_item, has_claim;
	const char *tensor, *batch; /* notations */
};

static void write_options(struct api_text *text, const struct asked *asked)
{
	const struct api_member_row *row;

	for (size_t i = 0; (row = api_member_at(i)); i++) {
		if (asked->is_item && !row->in_item)
			continue;
		api_text_key(text, row->name);
		api_schema_open(text, row->in_item ? row->notation : asked->batch, row->doc);
		if (row->init)
			api_text_member_json(text, "default", row->init);
		api_text_close(text, '}');
	}
}

static void write_roles(struct api_text *text, const struct asked *asked)
{
	char weights[80];

	snprintf(weights, sizeof weights, "%s|ClassWeights", asked->tensor);
	for (int i = 0; i < LOSS_ROLE_COUNT; i++) {
		enum loss_role role = (enum loss_role)i;
		const char *names[] = {loss_role_name(role), api_role_alias(role)};

		for (int k = 0; k < 2; k++)
			if (*names[k])
				api_schema_member(text, names[k],
						  role == LOSS_ROLE_WEIGHT ? weights
									   : asked->tensor,
						  loss_role_doc(role));
	}
}

static void write_request(struct api_text *text, const struct asked *asked)
{
	char rest[80];

	snprintf(rest, sizeof rest, "%s|ClassWeights", asked->tensor);
	api_text_open(text, '{');
	api_text_member(text, "type", "object");
	api_text_member_open(text, "properties", '{');
	write_options(text, asked);
	write_roles(text, asked);
	if (asked->has_claim) {
		api_schema_member(text, "claim", "Claim", "What was computed elsewhere.");
		api_schema_member(text, "tolerance", "WishedTolerance", NULL);
	}
	api_text_close(text, '}');
	api_schema_member(text, "additionalProperties", rest,
			  "An input that a term of the loss reads by this name.");
	if (asked->has_claim)
		api_text_member_json(text, "required", "[\"loss\",\"claim\"]");
	if (!asked->is_item)
		api_text_member_json(text, "anyOf",
				     "[{\"required\":[\"loss\"]},{\"required\":[\"batch\"]}]");
	api_text_close(text, '}');
}

static void write_evaluate_request(struct api_text *text)
{
	write_request(text, &(struct asked){.tensor = "Tensor", .batch = "[EvaluateItem]"});
}

static void write_evaluate_item(struct api_text *text)
{
	write_request(text, &(struct asked){.is_item = true, .tensor = "Tensor"});
}

static void write_verify_request(struct api_text *text)
{
	write_request(text,
		      &(struct asked){.is_item = true, .has_claim = true, .tensor = "Tensor"});
}

static void write_check_request(struct api_text *text)
{
	write_request(text, &(struct asked){.tensor = "Tensor|ShapeOnly", .batch = "[CheckItem]"});
}

static void write_check_item(struct api_text *text)
{
	write_request(text, &(struct asked){.is_item = true, .tensor = "Tensor|ShapeOnly"});
}

/* ---- Codes and limits --------------------------------------------------------- */

static void write_problem_code(struct api_text *text)
{
	api_text_open(text, '{');
	api_text_member_open(text, "enum", '[');
	for (int i = API_PROBLEM_NONE + 1; i < API_PROBLEM_COUNT; i++)
		api_text_string(text, api_problem_slug((enum api_problem)i));
	api_text_close(text, ']');
	api_text_close(text, '}');
}

static void write_finding_code(struct api_text *text)
{
	const struct loss_finding_row *row;

	api_text_open(text, '{');
	api_text_member_open(text, "enum", '[');
	for (size_t i = 0; (row = loss_finding_at(i)); i++)
		api_text_string(text, row->code);
	api_text_close(text, ']');
	api_text_close(text, '}');
}

static void write_remedy_action(struct api_text *text)
{
	const struct loss_remedy_row *row;

	api_text_open(text, '{');
	api_text_member_open(text, "enum", '[');
	for (size_t i = 0; (row = loss_remedy_at(i)); i++)
		api_text_string(text, row->action);
	api_text_close(text, ']');
	api_text_close(text, '}');
}

static void write_limits(struct api_text *text)
{
	api_text_open(text, '{');
	api_text_member(text, "type", "object");
	api_text_member_open(text, "properties", '{');
#define X(member, init, doc) api_schema_member(text, #member, "integer", doc);
	API_LIMITS(X)
#undef X
	api_text_close(text, '}');
	api_text_close(text, '}');
}

static const struct {
	const char *name;
	void (*write)(struct api_text *text);
} derived[] = {
	{"EvaluateRequest", write_evaluate_request},
	{"EvaluateItem", write_evaluate_item},
	{"VerifyRequest", write_verify_request},
	{"CheckRequest", write_check_request},
	{"CheckItem", write_check_item},
	{"LossName", write_loss_name},
	{"LossObject", write_loss_object},
	{"ClassWeights", write_class_weights},
	{"ProblemCode", write_problem_code},
	{"FindingCode", write_finding_code},
	{"RemedyAction", write_remedy_action},
	{"Limits", write_limits},
};

void api_schemas_write(struct api_text *text)
{
	api_text_open(text, '{');
	for (size_t i = 0; i < sizeof derived / sizeof derived[0]; i++) {
		api_text_key(text, derived[i].name);
		derived[i].write(text);
	}
	write_rows(text);
	write_losses(text);
	api_text_close(text, '}');
}
