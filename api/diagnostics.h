/* What a diagnosis says, as JSON, private to api/. */
#ifndef API_DIAGNOSTICS_H
#define API_DIAGNOSTICS_H

#include "evaluation.h"

/* The findings of a term as values of an open list, with at most `places` places
 * each; `index` of the term in a weighted sum, or -1. */
void api_findings_write(struct api_text *text, const struct api_term *term, int index,
			int64_t places);

/* The statistics of an item, which was diagnosed in full, as a value. */
void api_statistics_write(struct api_text *text, const struct api_item *item);

/* A spec as a loss object that may be sent: the name and what is not default. */
void api_spec_write(struct api_text *text, const struct loss_spec *spec);

/* The same with every parameter. */
void api_spec_write_in_full(struct api_text *text, const struct loss_spec *spec);

#endif
