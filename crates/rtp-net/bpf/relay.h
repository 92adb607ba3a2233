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

/* In `types.out`: not a payload type. */
#define OUT_DROP 0xff /* counted, goes no further */
#define OUT_UP 0xfe   /* counted, marked as such, and for the process */

/* A packet that goes up counted has RTP version 3 (0xc0) in place of 2. */
#define COUNTED 0x40

/* What becomes of each payload type. Many flows share one. */
struct types {
	__u8 out[PAYLOAD_TYPES];   /* the payload type it leaves with, or OUT_ */
	__u8 clock[PAYLOAD_TYPES]; /* its clock rate: an index into `rates` */
	__u32 rates[RATES];        /* Hz; never 0 */
};

/* In `flow.flags`. */
#define FLOW_MUX 1     /* RTCP shares the port (RFC 5761) */
#define FLOW_REWRITE 2 /* `rewrite_` holds */
#define FLOW_ANY 4     /* UDPTL: any bytes, counted and no more */

/* What is done with the packets that arrive at a key. */
struct flow {
	struct flow_key key;
	struct address from; /* the one source that is believed */
	struct address via;  /* our address on the other leg */
	struct address to;   /* the other peer */
	__be16 from_port;
	__be16 via_port;
	__be16 to_port;
	__u8 traffic_class; /* DSCP, shifted; the ECN bits stay as they came */
	__u8 flags;
	__u32 iif;   /* the interface it comes in by */
	__u32 oif;   /* the interface it leaves by; 0: `to` is an address of this host */
	__u32 types; /* in the map of that name */
	__u32 rewrite_of;        /* the SSRC that is rewritten; another goes up */
	__u32 rewrite_ssrc;      /* what it becomes */
	__u32 rewrite_timestamp; /* added */
	__u16 rewrite_sequence;  /* added */
	__u16 none;
};

/* In `tally.flags`. */
#define TALLY_RUN 1  /* ssrc, base, highest, unique, seen and restart hold */
#define TALLY_LAST 2 /* arrival, timestamp, clock and last_type hold */

#define NO_RESTART 0xffffffff
#define NO_TYPE 0xff

/* The reception of one leg: the state of rtp-proto's Reception, handed over when a flow is made and taken back when it ends. */
struct tally {
	__u64 packets;
	__u64 bytes;
	__u64 forwarded; /* since the flow was made, as are the next six */
	__u64 forwarded_bytes;
	__u64 refused; /* OUT_DROP */
	__u64 failed;  /* could not be rewritten; in `forwarded` too */
	__u64 failed_bytes;
	__u64 up; /* OUT_UP */
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
	__u32 jitter_max; /* microseconds */
	__u32 max_gap;    /* milliseconds */
	__u32 ssrcs;
	__u32 timestamp;
	__u32 clock;
	__u32 restart;
	__u32 ssrc;
	__u16 sequence; /* of the last packet */
	__u8 last_type; /* NO_TYPE: nothing to compare the next timestamp with */
	__u8 payload_type;
	__u32 flags;
	__u32 none;
};

/*
 * A flow and its counters. The lock makes each packet's look at the flow and its counting one step, and the process writes and
 * reads the whole under the same lock: what is read after the gate was closed is the last that is counted.
 */
struct slot {
	struct bpf_spin_lock lock;
	__u32 none;
	struct flow flow;
	struct tally tally;
};

#endif
