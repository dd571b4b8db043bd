#include "util/crc32.h"

#include <stdbool.h>
#include <string.h>

#if defined(__x86_64__)
#include <immintrin.h>
#define HAVE_FOLDING 1
#endif

enum { SLICES = 8, POLYNOMIAL_BITS = 8 };
static const uint32_t polynomial = 0xEDB88320u;

/* tables[k][b]: the CRC of byte b followed by k zero bytes. Made when the process loads,
 * before any thread is. */
static uint32_t tables[SLICES][256];
static bool can_fold;

__attribute__((constructor)) static void make_tables(void)
{
    for (uint32_t b = 0; b < 256; b++) {
        uint32_t crc = b;
        for (int i = 0; i < POLYNOMIAL_BITS; i++)
            crc = crc >> 1 ^ ((crc & 1) != 0 ? polynomial : 0);
        tables[0][b] = crc;
    }
    for (int k = 1; k < SLICES; k++)
        for (uint32_t b = 0; b < 256; b++)
            tables[k][b] = tables[k - 1][b] >> 8 ^ tables[0][tables[k - 1][b] & 0xff];
#ifdef HAVE_FOLDING
    __builtin_cpu_init();
    can_fold = __builtin_cpu_supports("pclmul") && __builtin_cpu_supports("sse4.1");
#endif
}

static uint32_t load_le32(const uint8_t *p)
{
    return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

/* On the inverted register. */
static uint32_t by_table(uint32_t crc, const uint8_t *p, size_t len)
{
    for (; len >= 8; p += 8, len -= 8) {
        uint32_t low = crc ^ load_le32(p);
        uint32_t high = load_le32(p + 4);
        crc = tables[7][low & 0xff] ^ tables[6][low >> 8 & 0xff] ^ tables[5][low >> 16 & 0xff] ^
              tables[4][low >> 24] ^ tables[3][high & 0xff] ^ tables[2][high >> 8 & 0xff] ^
              tables[1][high >> 16 & 0xff] ^ tables[0][high >> 24];
    }
    if (len >= 4) {
        uint32_t low = crc ^ load_le32(p);
        crc = tables[3][low & 0xff] ^ tables[2][low >> 8 & 0xff] ^ tables[1][low >> 16 & 0xff] ^
              tables[0][low >> 24];
        p += 4;
        len -= 4;
    }
    for (; len > 0; p++, len--)
        crc = crc >> 8 ^ tables[0][(crc ^ *p) & 0xff];
    return crc;
}

#ifdef HAVE_FOLDING

/* Powers of x modulo the polynomial, reflected: by how far a fold moves a block. */
#define FOLD_4_BLOCKS _mm_set_epi64x(0x01c6e41596, 0x0154442bd4)
#define FOLD_1_BLOCK  _mm_set_epi64x(0x00ccaa009e, 0x01751997d0)

__attribute__((target("pclmul,sse4.1"))) static inline __m128i load(const uint8_t *p)
{
    return _mm_loadu_si128((const __m128i *)(const void *)p);
}

/* Moves `block` over what lies between, onto `next`. */
__attribute__((target("pclmul,sse4.1"))) static inline __m128i fold(__m128i block, __m128i by,
                                                                    __m128i next)
{
    __m128i low = _mm_clmulepi64_si128(block, by, 0x00);
    __m128i high = _mm_clmulepi64_si128(block, by, 0x11);

    return _mm_xor_si128(_mm_xor_si128(low, high), next);
}

/* 128 bits to 32: two folds and Barrett's reduction. */
__attribute__((target("pclmul,sse4.1"))) static inline uint32_t reduce(__m128i x)
{
    const __m128i low_words = _mm_setr_epi32(-1, 0, -1, 0);
    const __m128i fold_64 = _mm_set_epi64x(0, 0x0163cd6124);
    const __m128i barrett = _mm_set_epi64x(0x01f7011641, 0x01db710641);

    x = _mm_xor_si128(_mm_srli_si128(x, 8), _mm_clmulepi64_si128(x, FOLD_1_BLOCK, 0x10));
    x = _mm_xor_si128(_mm_srli_si128(x, 4),
                      _mm_clmulepi64_si128(_mm_and_si128(x, low_words), fold_64, 0x00));
    __m128i q = _mm_clmulepi64_si128(_mm_and_si128(x, low_words), barrett, 0x10);
    q = _mm_clmulepi64_si128(_mm_and_si128(q, low_words), barrett, 0x00);
    return (uint32_t)_mm_extract_epi32(_mm_xor_si128(x, q), 1);
}

/* len >= 16. On the inverted register. */
__attribute__((target("pclmul,sse4.1"))) static uint32_t by_folding(uint32_t crc, const uint8_t *p,
                                                                    size_t len)
{
    __m128i x = _mm_xor_si128(load(p), _mm_cvtsi32_si128((int32_t)crc));

    p += 16;
    len -= 16;
    if (len >= 112) {
        __m128i x1 = load(p);
        __m128i x2 = load(p + 16);
        __m128i x3 = load(p + 32);
        for (p += 48, len -= 48; len >= 64; p += 64, len -= 64) {
            x = fold(x, FOLD_4_BLOCKS, load(p));
            x1 = fold(x1, FOLD_4_BLOCKS, load(p + 16));
            x2 = fold(x2, FOLD_4_BLOCKS, load(p + 32));
            x3 = fold(x3, FOLD_4_BLOCKS, load(p + 48));
        }
        x = fold(x, FOLD_1_BLOCK, x1);
        x = fold(x, FOLD_1_BLOCK, x2);
        x = fold(x, FOLD_1_BLOCK, x3);
    }
    for (; len >= 16; p += 16, len -= 16)
        x = fold(x, FOLD_1_BLOCK, load(p));
    return by_table(reduce(x), p, len);
}

#endif

uint32_t crc32_more_by_table(uint32_t crc, const void *at, size_t len)
{
    return ~by_table(~crc, at, len);
}

uint32_t crc32_more(uint32_t crc, const void *at, size_t len)
{
#ifdef HAVE_FOLDING
    if (len >= 16 && can_fold)
        return ~by_folding(~crc, at, len);
#endif
    return crc32_more_by_table(crc, at, len);
}
