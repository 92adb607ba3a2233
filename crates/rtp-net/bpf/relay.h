/* SPDX-License-Identifier: Apache-2.0 OR MIT OR GPL-2.0-only */
/* What the program and the process share. The same layouts, in Rust: src/kernel/layout.rs. */
#ifndef TANDEM_RELAY_H
#define TANDEM_RELAY_H

#include <linux/bpf.h>
#include <linux/types.h>

/* Addresses and ports are in network order everywhere; an IPv4 address is the first word, the others are zero. */
struct address {
	__u32 word[4];
};

/* Our address and port on one leg. */
struct flow_key {
	struct address local;
	__be16 port;
	__u16 family; /* 4 or 6 */
};

#define PAYLOAD_TYPES 128
#define RATES 8

/* In `flow.out`: not a payload type. */
#define OUT_DROP 0xff /* counted, goes no further */
#define OUT_UP 0xfe   /* for the process: not counted here */

/* In `flow.flags`. */
#define FLOW_MUX 1 /* RTCP shares the port (RFC 5761) */

/* What is done with the RTP packets that arrive at a key. */
struct flow {
	struct address from; /* the one source that is believed */
	struct address via;  /* our address on the other leg */
	struct address to;   /* the other peer */
	__be16 from_port;
	__be16 via_port;
	__be16 to_port;
	__u8 traffic_class; /* DSCP, shifted; the ECN bits stay as they came */
	__u8 flags;
	__u32 oif;  /* the interface it leaves by; 0: `to` is an address of this host */
	__u32 slot; /* in `tallies` */
	__u8 out[PAYLOAD_TYPES];   /* the payload type it leaves with, or OUT_ */
	__u8 clock[PAYLOAD_TYPES]; /* its clock rate: an index into `rates` */
	__u32 rates[RATES];        /* Hz; never 0 */
};

/* In `tally.flags`. */
#define TALLY_RUN 1  /* ssrc, base, highest, unique, seen and restart hold */
#define TALLY_LAST 2 /* arrival, timestamp, clock and last_type hold */

#define NO_RESTART 0xffffffff
#define NO_TYPE 0xff

/* The reception of one leg: the state of rtp-proto's Reception, handed over when a flow is made and taken back when it ends. */
struct tally {
	struct bpf_spin_lock lock;
	__u32 ssrc;
	__u64 packets;
	__u64 bytes;
	__u64 forwarded; /* since the flow was made, as are the next three */
	__u64 forwarded_bytes;
	__u64 refused; /* OUT_DROP */
	__u64 failed;  /* could not be rewritten; in `forwarded` too */
	__u64 arrival; /* of the last packet: CLOCK_MONOTONIC, nanoseconds */
	__u64 lost_before;
	__u64 base;
	__u64 highest;
	__u64 unique;
	__u64 seen_low;
	__u64 seen_high;
	__u64 reordered;
	__u64 duplicates;
	__u64 jitter; /* microseconds, times 16 */
	__u64 failed_bytes;
	__u32 jitter_max; /* microseconds */
	__u32 max_gap;    /* milliseconds */
	__u32 ssrcs;
	__u32 timestamp;
	__u32 clock;
	__u32 restart;
	__u16 sequence; /* of the last packet */
	__u8 last_type; /* NO_TYPE: nothing to compare the next timestamp with */
	__u8 payload_type;
	__u32 flags;
};

#endif
