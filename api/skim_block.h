/*
 * Which of 64 bytes are commas, brackets and quotes: one bit each, the first
 * byte lowest.  SSE2 is part of every x86-64 and Advanced SIMD of every arm64;
 * elsewhere words of 8 bytes do.  Define API_SKIM_PORTABLE to test the latter.
 */
#ifndef API_SKIM_BLOCK_H
#define API_SKIM_BLOCK_H

#include <stdint.h>
#include <string.h>

struct block {
	uint64_t comma, open, close, quote; /* braces count as brackets */
};

enum { BLOCK_BYTES = 64 };

#if defined(__SSE2__) && !defined(API_SKIM_PORTABLE)
#include <emmintrin.h>

static inline uint64_t bits16(__m128i bytes, char c)
{
	return (uint32_t)_mm_movemask_epi8(_mm_cmpeq_epi8(bytes, _mm_set1_epi8(c)));
}

static inline struct block block_at(const char *text)
{
	struct block block = {0, 0, 0, 0};
	for (int i = 0; i < 4; i++) {
		__m128i bytes =
			_mm_loadu_si128((const __m128i *)(const void *)(text + (size_t)16 * i));
		/* '[' | 0x20 is '{', ']' | 0x20 is '}', and no other byte becomes them. */
		__m128i folded = _mm_or_si128(bytes, _mm_set1_epi8(0x20));
		block.comma |= bits16(bytes, ',') << (16 * i);
		block.quote |= bits16(bytes, '"') << (16 * i);
		block.open |= bits16(folded, '{') << (16 * i);
		block.close |= bits16(folded, '}') << (16 * i);
	}
	return block;
}

#elif defined(__ARM_NEON) && defined(__aarch64__) && !defined(API_SKIM_PORTABLE)
#include <arm_neon.h>

/* One bit for each of 64 bytes that are 0x00 or 0xFF: every byte keeps the bit
 * of its place in its group of 8, and three pairwise sums join the groups. */
static inline uint64_t bits64(uint8x16_t a, uint8x16_t b, uint8x16_t c, uint8x16_t d)
{
	const uint8x16_t place = {1, 2, 4, 8, 16, 32, 64, 128, 1, 2, 4, 8, 16, 32, 64, 128};
	uint8x16_t low = vpaddq_u8(vandq_u8(a, place), vandq_u8(b, place));
	uint8x16_t high = vpaddq_u8(vandq_u8(c, place), vandq_u8(d, place));
	uint8x16_t both = vpaddq_u8(low, high);
	return vgetq_lane_u64(vreinterpretq_u64_u8(vpaddq_u8(both, both)), 0);
}

static inline uint64_t equal64(const uint8x16_t bytes[4], uint8_t c)
{
	uint8x16_t wanted = vdupq_n_u8(c);
	return bits64(vceqq_u8(bytes[0], wanted), vceqq_u8(bytes[1], wanted),
		      vceqq_u8(bytes[2], wanted), vceqq_u8(bytes[3], wanted));
}

static inline struct block block_at(const char *text)
{
	uint8x16_t bytes[4], folded[4];
	for (int i = 0; i < 4; i++) {
		bytes[i] = vld1q_u8((const uint8_t *)text + 16 * i);
		folded[i] = vorrq_u8(bytes[i], vdupq_n_u8(0x20));
	}
	return (struct block){equal64(bytes, ','), equal64(folded, '{'), equal64(folded, '}'),
			      equal64(bytes, '"')};
}

#else

static inline uint64_t every_byte(uint8_t c)
{
	return c * UINT64_C(0x0101010101010101);
}

/* One bit for each of 8 bytes that equal c. */
static inline uint64_t bits8(uint64_t bytes, uint8_t c)
{
	uint64_t x = bytes ^ every_byte(c);
	uint64_t zero = ~(((x & every_byte(0x7F)) + every_byte(0x7F)) | x) & every_byte(0x80);
	/* Bit 8i+7 goes to bit 56+i; no two products meet. */
	return (zero >> 7) * UINT64_C(0x0102040810204080) >> 56;
}

static inline struct block block_at(const char *text)
{
	struct block block = {0, 0, 0, 0};
	for (int i = 0; i < 8; i++) {
		uint64_t bytes;
		memcpy(&bytes, text + 8 * i, sizeof(bytes));
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
		bytes = __builtin_bswap64(bytes);
#endif
		uint64_t folded = bytes | every_byte(0x20);
		block.comma |= bits8(bytes, ',') << (8 * i);
		block.quote |= bits8(bytes, '"') << (8 * i);
		block.open |= bits8(folded, '{') << (8 * i);
		block.close |= bits8(folded, '}') << (8 * i);
	}
	return block;
}

#endif

/* The last bytes of a text, as if spaces followed. */
static inline struct block block_of(const char *text, size_t bytes)
{
	char padded[BLOCK_BYTES];
	memset(padded, ' ', sizeof(padded));
	memcpy(padded, text, bytes);
	return block_at(padded);
}

#endif
