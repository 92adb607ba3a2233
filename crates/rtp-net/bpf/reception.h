/* SPDX-License-Identifier: Apache-2.0 OR MIT OR GPL-2.0-only */
/* Reception statistics: rtp-proto/src/reception.rs in C, line by line, since a call may change between the two at any packet. */
#ifndef TANDEM_RECEPTION_H
#define TANDEM_RECEPTION_H

#include "relay.h"

#define __inline static inline __attribute__((always_inline))
#define htons __builtin_bswap16
#define ntohs __builtin_bswap16
#define htonl __builtin_bswap32
#define ntohl __builtin_bswap32

struct rtp {
	__u8 first;
	__u8 second;
	__be16 sequence;
	__be32 timestamp;
	__be32 ssrc;
};

#define MAX_DROPOUT 3000
#define MAX_MISORDER 100

__inline __u64 lost(const struct tally *t)
{
	__u64 expected = t->highest - t->base + 1;

	if (!(t->flags & TALLY_RUN) || expected < t->unique)
		return 0;
	return expected - t->unique;
}

__inline void begin(struct tally *t, __u32 ssrc, __u16 sequence, int restarted)
{
	t->lost_before += lost(t);
	t->ssrc = ssrc;
	t->highest = (__u64)sequence + 0x10000;
	t->base = t->highest - restarted;
	t->unique = 2 * restarted;
	t->seen_low = restarted ? 3 : 0;
	t->seen_high = 0;
	t->restart = NO_RESTART;
	t->flags |= TALLY_RUN;
}

__inline void shift_seen(struct tally *t, __u32 by)
{
	if (by >= 128) {
		t->seen_low = t->seen_high = 0;
	} else if (by >= 64) {
		t->seen_high = t->seen_low << (by - 64);
		t->seen_low = 0;
	} else if (by > 0) {
		t->seen_high = t->seen_high << by | t->seen_low >> (64 - by);
		t->seen_low <<= by;
	}
}

__inline void late(struct tally *t, __u16 behind)
{
	__u64 bit = 1ULL << (behind & 63);
	__u64 *seen = behind < 64 ? &t->seen_low : &t->seen_high;

	if (*seen & bit) {
		t->duplicates++;
		return;
	}
	*seen |= bit;
	t->unique++;
	if (t->highest - behind < t->base)
		t->base = t->highest - behind;
	t->reordered++;
}

__inline void place(struct tally *t, __u32 ssrc, __u16 sequence)
{
	__u16 ahead = sequence - (__u16)t->highest;
	__u16 behind = -ahead;

	if (!t->seen_low && !t->seen_high) {
		t->seen_low = t->unique = 1;
	} else if (!ahead) {
		t->duplicates++;
	} else if (ahead < MAX_DROPOUT) {
		t->highest += ahead;
		shift_seen(t, ahead);
		t->seen_low |= 1;
		t->unique++;
		t->restart = NO_RESTART;
	} else if (behind <= MAX_MISORDER) {
		late(t, behind);
	} else if (t->restart == sequence) {
		begin(t, ssrc, sequence, 1);
	} else {
		t->restart = (__u16)(sequence + 1);
	}
}

__inline void jitter(struct tally *t, __u64 gap, __u32 timestamp)
{
	__s64 step = (__s32)(timestamp - t->timestamp);
	__u64 width = step < 0 ? -step : step;
	__u64 clock = t->clock ? t->clock : 1;
	__u64 expected, arrived = gap / 1000, difference;

	if (!width || width > 60 * clock)
		return;
	expected = width * 1000000 / clock;
	if (step < 0)
		difference = arrived + expected;
	else
		difference = arrived > expected ? arrived - expected : expected - arrived;
	t->jitter += difference - ((t->jitter + 8) >> 4);
	if (t->jitter / 16 > t->jitter_max)
		t->jitter_max = t->jitter / 16;
}

/* How long it is since the packet before, in nanoseconds. */
__inline __u64 note_gap(struct tally *t, __u64 now)
{
	__u64 gap = now > t->arrival ? now - t->arrival : 0;

	if (gap / 1000000 > t->max_gap)
		t->max_gap = gap / 1000000;
	return gap;
}

__inline void arrival(struct tally *t, const struct types *types, __u64 now, __u32 timestamp, __u8 type)
{
	if (t->flags & TALLY_LAST) {
		__u64 gap = note_gap(t, now);

		if (t->last_type == type)
			jitter(t, gap, timestamp);
	}
	if (!(t->flags & TALLY_LAST) || t->last_type != type)
		t->clock = types->rates[types->clock[type & 127] & (RATES - 1)];
	t->arrival = now;
	t->timestamp = timestamp;
	t->last_type = t->payload_type = type;
	t->flags |= TALLY_LAST;
}

__inline void receive(struct tally *t, const struct types *types, __u64 now, const struct rtp *h, __u32 bytes, __u8 out)
{
	__u32 ssrc = ntohl(h->ssrc);
	__u16 sequence = ntohs(h->sequence);

	t->packets++;
	t->bytes += bytes;
	t->sequence = sequence;
	if (!(t->flags & TALLY_RUN) || t->ssrc != ssrc) {
		begin(t, ssrc, sequence, 0);
		t->ssrcs++;
		t->last_type = NO_TYPE;
	}
	place(t, ssrc, sequence);
	arrival(t, types, now, ntohl(h->timestamp), h->second & 127);
	if (out == OUT_DROP) {
		t->refused++;
	} else if (out == OUT_UP) {
		t->up++;
	} else {
		t->forwarded++;
		t->forwarded_bytes += bytes;
	}
}

/* UDPTL. */
__inline void receive_any(struct tally *t, __u64 now, __u32 bytes)
{
	t->packets++;
	t->bytes += bytes;
	t->forwarded++;
	t->forwarded_bytes += bytes;
	t->arrival = now;
	t->flags |= TALLY_LAST;
}

#endif
