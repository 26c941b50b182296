#include "numbers_text.h"

#include <charconv>
#include <limits>
#include <system_error>

/* ---- Powers of five ------------------------------------------------------- */

namespace
{

/* The leading 192 bits of a power of five, the highest limb first; its exponent
 * is of no interest here. */
struct Leading {
	uint32_t limb[6];
};

constexpr Leading one{{0x80000000}};

constexpr Leading times_five(Leading x)
{
	uint32_t carry = 0;
	for (int i = 5; i >= 0; i--) {
		uint64_t product = uint64_t{x.limb[i]} * 5 + carry;
		x.limb[i] = uint32_t(product);
		carry = uint32_t(product >> 32);
	}
	for (; carry; carry >>= 1) {
		uint32_t above = carry & 1;
		for (uint32_t &limb : x.limb) {
			uint32_t below = limb & 1;
			limb = limb >> 1 | above << 31;
			above = below;
		}
	}
	return x;
}

constexpr Leading over_five(Leading x)
{
	uint32_t rest = 0;
	for (uint32_t &limb : x.limb) {
		uint64_t present = uint64_t{rest} << 32 | limb;
		limb = uint32_t(present / 5);
		rest = uint32_t(present % 5);
	}
	while (!(x.limb[0] >> 31)) {
		uint32_t below = 0;
		for (int i = 5; i >= 0; i--) {
			uint32_t above = x.limb[i] >> 31;
			x.limb[i] = x.limb[i] << 1 | below;
			below = above;
		}
	}
	return x;
}

/* Every step cuts off less than 2^-188 of the value, and there are fewer than
 * 2^9 steps: the first 64 bits are those of the true power unless the next 64
 * are all ones. */
constexpr bool is_certain(const Leading &x)
{
	return (x.limb[2] & x.limb[3]) != UINT32_MAX;
}

struct Powers {
	struct api_powers_of_five five;
	bool certain;
};

constexpr Powers powers()
{
	Powers table{{}, true};
	auto put = [&table](int exponent, const Leading &x) {
		table.five.leading[exponent - API_POWER_MIN] =
			uint64_t{x.limb[0]} << 32 | x.limb[1];
		table.certain = table.certain && is_certain(x);
	};
	Leading x = one;
	for (int exponent = 0; exponent <= API_POWER_MAX; exponent++, x = times_five(x))
		put(exponent, x);
	x = over_five(one);
	for (int exponent = -1; exponent >= API_POWER_MIN; exponent--, x = over_five(x))
		put(exponent, x);
	return table;
}

static_assert(powers().certain, "192 bits do not suffice");

} // namespace

constexpr struct api_powers_of_five api_powers_of_five = powers().five;

/* ---- Text to numbers ------------------------------------------------------ */

namespace
{

/* Whether a number outside the range of its type is too large, rather than too
 * small: the decimal exponent of its first digit that is not 0 says so, since
 * one is far above 10^0 and the other far below.  `text` is short enough
 * (see SHORT in decimal.c) for the exponent alone to decide if it is long. */
bool is_too_large(const char *text, const char *end)
{
	long exponent = 0;
	bool significant = false, fraction = false;
	for (; text < end && *text != 'e' && *text != 'E'; text++) {
		significant = significant || (*text >= '1' && *text <= '9');
		if (*text == '.')
			fraction = true;
		else if (fraction && !significant)
			exponent--;
		else if (!fraction && significant)
			exponent++;
	}
	if (text == end)
		return exponent > 0;
	bool negative = *++text == '-';
	long written = 0;
	for (text += *text == '-' || *text == '+'; text < end && written < 1000000; text++)
		written = written * 10 + (*text - '0');
	return exponent + (negative ? -written : written) > 0;
}

template <typename Real> Real real_of(const char *text, size_t bytes)
{
	Real value = 0;
	const char *end = text + bytes;
	if (std::from_chars(text, end, value).ec == std::errc())
		return value;
	value = is_too_large(text, end) ? std::numeric_limits<Real>::infinity() : Real(0);
	return *text == '-' ? -value : value;
}

} // namespace

float api_text_to_float32(const char *text, size_t bytes)
{
	return real_of<float>(text, bytes);
}

double api_text_to_float64(const char *text, size_t bytes)
{
	return real_of<double>(text, bytes);
}

/* ---- Numbers to text ------------------------------------------------------ */

char *api_text_of_float32(char *out, float value)
{
	return std::to_chars(out, out + 32, value).ptr;
}

char *api_text_of_float64(char *out, double value)
{
	return std::to_chars(out, out + 32, value).ptr;
}

char *api_text_of_int64(char *out, int64_t value)
{
	return std::to_chars(out, out + 32, value).ptr;
}
