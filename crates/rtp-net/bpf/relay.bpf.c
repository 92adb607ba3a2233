/* SPDX-License-Identifier: Apache-2.0 OR MIT OR GPL-2.0-only */
/*
 * Relays plain RTP inside the kernel, on the ingress of the media interfaces (tc, a tcx link).
 *
 * A packet for the address and port of a flow, from the flow's one source, that is RTP beyond doubt and has a payload type that
 * may pass, is counted, gets the addresses of the other leg, and leaves. Everything else goes up to the process's socket exactly
 * as it came: RTCP, STUN, DTLS, strangers, odd or fragmented packets. What it counts is what rtp-proto's Reception counts, line
 * by line: a call may change between the two at any packet.
 *
 * Built by `make bpf`. The licence string below is what the kernel asks of programs that call its GPL-only helpers
 * (bpf_redirect_neigh, bpf_ktime_get_ns); this file may be used under any of the three licences above.
 */
#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/udp.h>
#include "relay.h"

#define SEC(name) __attribute__((section(name), used))
#define __inline static inline __attribute__((always_inline))
#define __uint(name, val) int(*name)[val]
#define __type(name, val) typeof(val) *name

/* Helpers by number (include/uapi/linux/bpf.h). */
static void *(*map_lookup)(void *map, const void *key) = (void *)BPF_FUNC_map_lookup_elem;
static __u64 (*ktime_get_ns)(void) = (void *)BPF_FUNC_ktime_get_ns;
static long (*load_bytes)(const void *skb, __u32 at, void *to, __u32 len) = (void *)BPF_FUNC_skb_load_bytes;
static long (*store_bytes)(void *skb, __u32 at, const void *from, __u32 len, __u64 flags) = (void *)BPF_FUNC_skb_store_bytes;
static long (*l4_csum_replace)(void *skb, __u32 at, __u64 from, __u64 to, __u64 flags) = (void *)BPF_FUNC_l4_csum_replace;
static __s64 (*csum_diff)(void *from, __u32 from_size, void *to, __u32 to_size, __u32 seed) = (void *)BPF_FUNC_csum_diff;
static long (*redirect_neigh)(__u32 ifindex, void *params, int plen, __u64 flags) = (void *)BPF_FUNC_redirect_neigh;
static void (*lock)(struct bpf_spin_lock *lock) = (void *)BPF_FUNC_spin_lock;
static void (*unlock)(struct bpf_spin_lock *lock) = (void *)BPF_FUNC_spin_unlock;

#define htons __builtin_bswap16
#define ntohs __builtin_bswap16
#define ntohl __builtin_bswap32

/* The next program on the interface decides, or the stack: a switch beside this one has its own flows. */
#define NEXT (-1) /* TC_ACT_UNSPEC, TCX_NEXT */
#define SHOT 2    /* TC_ACT_SHOT */
#define LOOPBACK_IFINDEX 1
#define PACKET_HOST 0

/* Sizes are set when it is loaded. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1024);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, struct flow_key);
	__type(value, struct flow);
} flows SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1024);
	__type(key, __u32);
	__type(value, struct tally);
} tallies SEC(".maps");

#define IP_AT ETH_HLEN

/* A datagram as far as it has been looked at. */
struct packet {
	struct flow_key key;
	struct address from;
	__be16 from_port;
	__u16 zero_checksum;
	__u32 udp_at;
	__u32 bytes; /* of UDP payload */
};

struct rtp {
	__u8 first;
	__u8 second;
	__be16 sequence;
	__be32 timestamp;
	__be32 ssrc;
};

/* ---- Reception: as in rtp-proto/src/reception.rs ---- */

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

__inline void arrival(struct tally *t, const struct flow *f, __u64 now, __u32 timestamp, __u8 type)
{
	if (t->flags & TALLY_LAST) {
		__u64 gap = now > t->arrival ? now - t->arrival : 0;

		if (gap / 1000000 > t->max_gap)
			t->max_gap = gap / 1000000;
		if (t->last_type == type)
			jitter(t, gap, timestamp);
	}
	if (!(t->flags & TALLY_LAST) || t->last_type != type)
		t->clock = f->rates[f->clock[type & 127] & (RATES - 1)];
	t->arrival = now;
	t->timestamp = timestamp;
	t->last_type = t->payload_type = type;
	t->flags |= TALLY_LAST;
}

__inline void receive(struct tally *t, const struct flow *f, __u64 now, const struct rtp *h, __u32 bytes, __u8 out)
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
	arrival(t, f, now, ntohl(h->timestamp), h->second & 127);
	if (out == OUT_DROP) {
		t->refused++;
	} else {
		t->forwarded++;
		t->forwarded_bytes += bytes;
	}
}

/* ---- Reading ---- */

__inline int parse_ipv4(struct __sk_buff *skb, struct packet *p)
{
	struct iphdr ip;

	if (load_bytes(skb, IP_AT, &ip, sizeof(ip)) || ip.ihl != 5 || ip.version != 4 || ip.protocol != IPPROTO_UDP)
		return 0;
	if (ip.frag_off & htons(0x3fff) || ip.ttl <= 1)
		return 0;
	p->key.family = 4;
	p->key.local.word[0] = ip.daddr;
	p->from.word[0] = ip.saddr;
	p->udp_at = IP_AT + sizeof(ip);
	p->bytes = ntohs(ip.tot_len) - sizeof(ip);
	return ntohs(ip.tot_len) > sizeof(ip);
}

__inline int parse_ipv6(struct __sk_buff *skb, struct packet *p)
{
	struct ipv6hdr ip;

	if (load_bytes(skb, IP_AT, &ip, sizeof(ip)) || ip.version != 6 || ip.nexthdr != IPPROTO_UDP || ip.hop_limit <= 1)
		return 0;
	p->key.family = 6;
	__builtin_memcpy(&p->key.local, &ip.daddr, sizeof(p->key.local));
	__builtin_memcpy(&p->from, &ip.saddr, sizeof(p->from));
	p->udp_at = IP_AT + sizeof(ip);
	p->bytes = ntohs(ip.payload_len);
	return 1;
}

/* The rest of a UDP datagram that is whole and its own segment. */
__inline int parse(struct __sk_buff *skb, struct packet *p)
{
	struct udphdr udp;
	int ip = skb->protocol == htons(ETH_P_IP) ? parse_ipv4(skb, p) : parse_ipv6(skb, p);

	if (!ip || load_bytes(skb, p->udp_at, &udp, sizeof(udp)))
		return 0;
	if (ntohs(udp.len) < sizeof(udp) || ntohs(udp.len) > p->bytes || p->udp_at + ntohs(udp.len) > skb->len)
		return 0;
	p->key.port = udp.dest;
	p->from_port = udp.source;
	p->zero_checksum = !udp.check;
	p->bytes = ntohs(udp.len) - sizeof(udp);
	return 1;
}

/* RFC 3550 §A.1, as rtp-proto/src/rtp.rs: RTP, with CSRC list, extension and padding that fit. */
__inline int is_rtp(struct __sk_buff *skb, const struct packet *p, const struct flow *f, struct rtp *h)
{
	__u32 at = p->udp_at + sizeof(struct udphdr), header;

	if (p->bytes < sizeof(*h) || load_bytes(skb, at, h, sizeof(*h)) || h->first >> 6 != 2)
		return 0;
	if (h->second >= 200 && h->second <= 204)
		return 0;
	if (f->flags & FLOW_MUX && h->second >= 192 && h->second <= 223)
		return 0;
	header = sizeof(*h) + 4 * (h->first & 15);
	if (h->first & 0x10) {
		__be16 words;

		if (header + 4 > p->bytes || load_bytes(skb, at + header + 2, &words, sizeof(words)))
			return 0;
		header += 4 + 4 * ntohs(words);
	}
	if (header > p->bytes)
		return 0;
	if (h->first & 0x20) {
		__u8 padding;

		if (load_bytes(skb, at + p->bytes - 1, &padding, sizeof(padding)) || !padding || header + padding > p->bytes)
			return 0;
	}
	return 1;
}

__inline int same(const struct address *a, const struct address *b)
{
	return a->word[0] == b->word[0] && a->word[1] == b->word[1] && a->word[2] == b->word[2] && a->word[3] == b->word[3];
}

/* ---- Rewriting ---- */

/*
 * Checksums. The UDP checksum is changed by differences, since it may be partial (to be finished by a device or not at all, as
 * on lo): the helper knows. What it is not told, bpf_skb_store_bytes has to tell skb->csum (BPF_F_RECOMPUTE_CSUM): on IPv6, and
 * where there is no UDP checksum, nothing else makes up for the change.
 */
__inline long rewrite_ipv4(struct __sk_buff *skb, const struct flow *f, __s64 *diff)
{
	struct iphdr ip;
	__be32 was[2], is[2];
	__u32 sum;
	__u16 old_first, old_ttl;

	if (load_bytes(skb, IP_AT, &ip, sizeof(ip)))
		return -1;
	was[0] = ip.saddr;
	was[1] = ip.daddr;
	is[0] = f->via.word[0];
	is[1] = f->to.word[0];
	*diff = csum_diff(was, sizeof(was), is, sizeof(is), 0);
	old_first = *(__u16 *)&ip;
	old_ttl = *((__u16 *)&ip + 4);
	ip.tos = (ip.tos & 3) | f->traffic_class;
	ip.ttl--;
	ip.saddr = is[0];
	ip.daddr = is[1];
	/* RFC 1624: the sum's complement, plus what came, less what went. */
	sum = (__u16)~ip.check;
	sum += (__u16)~old_first + *(__u16 *)&ip;
	sum += (__u16)~old_ttl + *((__u16 *)&ip + 4);
	sum += ((__u32)*diff & 0xffff) + ((__u32)*diff >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	ip.check = ~sum;
	return store_bytes(skb, IP_AT, &ip, sizeof(ip), 0);
}

__inline long rewrite_ipv6(struct __sk_buff *skb, const struct flow *f, __s64 *diff)
{
	struct ipv6hdr ip;
	__u32 is[8];
	__u32 first;

	if (load_bytes(skb, IP_AT, &ip, sizeof(ip)))
		return -1;
	__builtin_memcpy(&is[0], &f->via, sizeof(f->via));
	__builtin_memcpy(&is[4], &f->to, sizeof(f->to));
	*diff = csum_diff((void *)&ip.saddr, sizeof(is), is, sizeof(is), 0);
	first = ntohl(*(__be32 *)&ip);
	first = (first & 0xf03fffff) | (__u32)f->traffic_class << 20;
	*(__be32 *)&ip = ntohl(first);
	ip.hop_limit--;
	__builtin_memcpy(&ip.saddr, is, sizeof(is));
	return store_bytes(skb, IP_AT, &ip, sizeof(ip), BPF_F_RECOMPUTE_CSUM);
}

__inline long rewrite(struct __sk_buff *skb, const struct packet *p, const struct flow *f, __u8 second, __u8 out)
{
	__u32 check_at = p->udp_at + __builtin_offsetof(struct udphdr, check);
	__u64 store = p->zero_checksum ? BPF_F_RECOMPUTE_CSUM : 0;
	/* Ports, and the two bytes that begin with the marker and the payload type, as 16-bit words of the datagram. */
	struct {
		__be16 source, dest;
		__u8 first, second;
		__u16 none;
	} was = {p->from_port, p->key.port, 0, second, 0}, is = {f->via_port, f->to_port, 0, (second & 0x80) | out, 0};
	__s64 diff = 0;
	long bad = p->key.family == 4 ? rewrite_ipv4(skb, f, &diff) : rewrite_ipv6(skb, f, &diff);

	if (!p->zero_checksum) {
		bad |= l4_csum_replace(skb, check_at, 0, diff, BPF_F_PSEUDO_HDR | BPF_F_MARK_MANGLED_0);
		diff = csum_diff((void *)&was, sizeof(was), (void *)&is, sizeof(is), 0);
		bad |= l4_csum_replace(skb, check_at, 0, diff, BPF_F_MARK_MANGLED_0);
	}
	bad |= store_bytes(skb, p->udp_at, &is, 4, store);
	if (is.second != was.second)
		bad |= store_bytes(skb, p->udp_at + sizeof(struct udphdr) + 1, &is.second, 1, store);
	return bad;
}

SEC("classifier")
int relay(struct __sk_buff *skb)
{
	struct packet p = {};
	struct flow *f;
	struct tally *t;
	struct rtp h;
	__u32 slot;
	__u64 now;
	__u8 out;

	if (skb->protocol != htons(ETH_P_IP) && skb->protocol != htons(ETH_P_IPV6))
		return NEXT;
	if (skb->pkt_type != PACKET_HOST || skb->vlan_present || skb->gso_size || !parse(skb, &p))
		return NEXT;
	f = map_lookup(&flows, &p.key);
	if (!f || f->from_port != p.from_port || !same(&f->from, &p.from) || !is_rtp(skb, &p, f, &h))
		return NEXT;
	out = f->out[h.second & 127];
	/* From outside to this host itself: our own source address would be refused as a martian. The process relays it. */
	if (out == OUT_UP || (!f->oif && skb->ifindex != LOOPBACK_IFINDEX))
		return NEXT;
	slot = f->slot;
	t = map_lookup(&tallies, &slot);
	if (!t)
		return NEXT;
	now = ktime_get_ns();
	lock(&t->lock);
	receive(t, f, now, &h, p.bytes, out);
	unlock(&t->lock);
	if (out == OUT_DROP)
		return SHOT;
	if (rewrite(skb, &p, f, h.second, out)) {
		__sync_fetch_and_add(&t->failed, 1);
		__sync_fetch_and_add(&t->failed_bytes, p.bytes);
		return SHOT;
	}
	return f->oif ? redirect_neigh(f->oif, 0, 0, 0) : NEXT;
}

char licence[] SEC("license") = "Dual MIT/GPL";
