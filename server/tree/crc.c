#include "server/tree/crc.h"

#include <zlib.h>

#include "jute/codec.h"

enum { STAT_BYTES = 60 };

/* ---- Anywhere. */

static uint32_t plain_more(uint32_t crc, const void *at, size_t len)
{
    return (uint32_t)crc32_z(crc, at, len);
}

static uint32_t plain_more_stat(uint32_t crc, const struct znode_raw *raw)
{
    uint8_t stat[STAT_BYTES];
    uint8_t *p = stat;

    p = jute_store64(p, (uint64_t)raw->czxid);
    p = jute_store64(p, (uint64_t)raw->mzxid);
    p = jute_store64(p, (uint64_t)raw->pzxid);
    p = jute_store64(p, (uint64_t)raw->ctime);
    p = jute_store64(p, (uint64_t)raw->mtime);
    p = jute_store32(p, (uint32_t)raw->version);
    p = jute_store32(p, (uint32_t)raw->cversion);
    p = jute_store32(p, (uint32_t)raw->aversion);
    (void)jute_store64(p, (uint64_t)raw->owner);
    return plain_more(crc, stat, sizeof stat);
}

#if defined(__x86_64__)
#include <immintrin.h>

/* ---- With carry-less multiplication, after Intel's "Fast CRC Computation for Generic
 * Polynomials Using PCLMULQDQ". A block of 16 bytes that is n blocks away from the
 * last one is multiplied by x^(128n) modulo the polynomial, its two halves apart, and
 * the products are added up; all blocks of a short piece at once. A piece whose length
 * is no multiple of 16 is filled up with zeros in front, where they change nothing. */
#define CLMUL __attribute__((target("pclmul,sse4.1,ssse3")))

#define BLOCK ((size_t)16) /* Bytes. */

enum {
    BLOCKS_AT_ONCE = 8, /* Longer pieces are folded by four blocks at a time first. */
    LANES = 4,
};

/* x^(128n+32) and x^(128n-32) modulo the polynomial, bits reversed, shifted by one. */
static const uint64_t away[BLOCKS_AT_ONCE][2] __attribute__((aligned(16))) = {
    { 0, 0 },
    { 0x1751997d0, 0x0ccaa009e },
    { 0x0f1da05aa, 0x15a546366 },
    { 0x03db1ecdc, 0x174359406 },
    { 0x154442bd4, 0x1c6e41596 },
    { 0x1c7569e54, 0x0ae0b5394 },
    { 0x0df068dc2, 0x18cb44e58 },
    { 0x1ea89367e, 0x1d7cfc6ac },
};

CLMUL static inline __m128i load(const void *at)
{
    __m128i v;

    memcpy(&v, at, sizeof v);
    return v;
}

CLMUL static inline __m128i fold(__m128i block, size_t blocks_away)
{
    __m128i k = load(away[blocks_away]);

    return _mm_xor_si128(_mm_clmulepi64_si128(block, k, 0x00),
                         _mm_clmulepi64_si128(block, k, 0x11));
}

/* The remainder of 128 bits: to 96, to 64, then by Barrett's reduction to 32. */
CLMUL static inline uint32_t reduce(__m128i v)
{
    const __m128i low32 = _mm_set_epi32(0, -1, 0, -1);
    const __m128i k5 = _mm_set_epi64x(0, 0x163cd6124);
    const __m128i barrett = _mm_set_epi64x(0x1f7011641, 0x1db710641);
    __m128i t;

    v = _mm_xor_si128(_mm_srli_si128(v, 8), _mm_clmulepi64_si128(v, load(away[1]), 0x10));
    v = _mm_xor_si128(_mm_srli_si128(v, 4),
                      _mm_clmulepi64_si128(_mm_and_si128(v, low32), k5, 0x00));
    t = _mm_clmulepi64_si128(_mm_and_si128(v, low32), barrett, 0x10);
    t = _mm_clmulepi64_si128(_mm_and_si128(t, low32), barrett, 0x00);
    return (uint32_t)_mm_extract_epi32(_mm_xor_si128(v, t), 1);
}

/* Moves the first `keep` bytes (1 to 16) to the end; zeros come in front. */
CLMUL static inline __m128i keep_front(__m128i v, size_t keep)
{
    static const uint8_t slide[2 * BLOCK] __attribute__((aligned(16))) = {
        0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80,
        0x80, 0x80, 0x80, 0x80, 0x80, 0,    1,    2,    3,    4,    5,
        6,    7,    8,    9,    10,   11,   12,   13,   14,   15,
    };

    return _mm_shuffle_epi8(v, load(slide + keep));
}

/* Folds all but the last few blocks of a long piece. *p is where the next block is,
 * and *count how many there are from there on. */
CLMUL static __m128i fold_long(__m128i head, __m128i second, const uint8_t **p, size_t *count)
{
    __m128i lane[LANES] = { head, second, load(*p + BLOCK), load(*p + 2 * BLOCK) };

    *p += (LANES - 1) * BLOCK;
    *count -= LANES - 1;
    for (; *count >= LANES; *count -= LANES, *p += LANES * BLOCK)
        for (size_t i = 0; i < LANES; i++)
            lane[i] = _mm_xor_si128(fold(lane[i], LANES), load(*p + i * BLOCK));
    for (size_t i = 0; i < LANES - 1; i++)
        lane[LANES - 1] = _mm_xor_si128(lane[LANES - 1], fold(lane[i], LANES - 1 - i));
    return lane[LANES - 1];
}

/* At least 16 bytes. */
CLMUL static uint32_t clmul_more(uint32_t crc, const uint8_t *p, size_t len)
{
    size_t front = (len - 1) % BLOCK + 1; /* Bytes of the first, filled-up block. */
    size_t count = (len - front) / BLOCK; /* Blocks behind it. */
    uint32_t state = ~crc;
    __m128i sum = keep_front(_mm_xor_si128(load(p), _mm_cvtsi32_si128((int32_t)state)), front);

    p += front;
    if (count == 0)
        return ~reduce(sum);

    /* What of the state did not find room in the first block. */
    uint32_t rest = front < sizeof state ? state >> (8 * front) : 0;
    __m128i second = _mm_xor_si128(load(p), _mm_cvtsi32_si128((int32_t)rest));

    if (count >= BLOCKS_AT_ONCE) {
        sum = fold_long(sum, second, &p, &count);
        if (count == 0)
            return ~reduce(sum);
        second = load(p);
    }
    sum = _mm_xor_si128(fold(sum, count), count == 1 ? second : fold(second, count - 1));
    for (size_t i = 1; i < count; i++) {
        __m128i block = load(p + i * BLOCK);

        sum = _mm_xor_si128(sum, i + 1 == count ? block : fold(block, count - 1 - i));
    }
    return ~reduce(sum);
}

/* Fewer than 16 bytes. */
CLMUL static uint32_t clmul_short(uint32_t crc, const uint8_t *p, size_t len)
{
    uint8_t block[BLOCK] = { 0 };
    uint32_t state = ~crc;

    if (len < sizeof state)
        return plain_more(crc, p, len);
    memcpy(block + BLOCK - len, p, len);
    for (size_t i = 0; i < sizeof state; i++)
        block[BLOCK - len + i] ^= (uint8_t)(state >> (8 * i));
    return ~reduce(load(block));
}

/* The 60 bytes, big-endian, behind four zeros: put together in registers. */
CLMUL static uint32_t clmul_more_stat(uint32_t crc, const struct znode_raw *raw)
{
    const __m128i swap64 = _mm_set_epi64x(0x08090a0b0c0d0e0f, 0x0001020304050607);
    const __m128i swap32 = _mm_set_epi64x(0x0c0d0e0f08090a0b, 0x0001020304050607);
    int64_t versions = (int64_t)((uint64_t)(uint32_t)raw->cversion << 32 | (uint32_t)raw->version);
    int64_t aversion = (int64_t)(uint32_t)__builtin_bswap32((uint32_t)raw->aversion);
    int64_t owner = (int64_t)__builtin_bswap64((uint64_t)raw->owner);
    __m128i a = _mm_shuffle_epi8(_mm_set_epi64x(raw->mzxid, raw->czxid), swap64);
    __m128i b = _mm_shuffle_epi8(_mm_set_epi64x(raw->ctime, raw->pzxid), swap64);
    __m128i c = _mm_shuffle_epi8(_mm_set_epi64x(versions, raw->mtime), swap32);
    __m128i d = _mm_set_epi64x((int64_t)((uint64_t)owner >> 32),
                               (int64_t)((uint64_t)owner << 32) | aversion);
    __m128i state = _mm_set_epi32(0, 0, (int32_t)~crc, 0);
    __m128i sum = fold(_mm_xor_si128(_mm_slli_si128(a, 4), state), 3);

    sum = _mm_xor_si128(sum, fold(_mm_alignr_epi8(b, a, 12), 2));
    sum = _mm_xor_si128(sum, fold(_mm_alignr_epi8(c, b, 12), 1));
    return ~reduce(_mm_xor_si128(sum, _mm_alignr_epi8(d, c, 12)));
}

static inline bool has_clmul(void)
{
    return __builtin_cpu_supports("pclmul") && __builtin_cpu_supports("sse4.1") &&
           __builtin_cpu_supports("ssse3");
}

uint32_t crc_more(uint32_t crc, const void *at, size_t len)
{
    if (__builtin_expect(!has_clmul(), 0))
        return plain_more(crc, at, len);
    return len >= BLOCK ? clmul_more(crc, at, len) : clmul_short(crc, at, len);
}

uint32_t crc_more_stat(uint32_t crc, const struct znode_raw *raw)
{
    return __builtin_expect(has_clmul(), 1) ? clmul_more_stat(crc, raw) : plain_more_stat(crc, raw);
}

#else

uint32_t crc_more(uint32_t crc, const void *at, size_t len)
{
    return plain_more(crc, at, len);
}

uint32_t crc_more_stat(uint32_t crc, const struct znode_raw *raw)
{
    return plain_more_stat(crc, raw);
}

#endif
