/* SPDX-License-Identifier: Apache-2.0 OR MIT OR GPL-2.0-only */
/*
 * Relays plain RTP inside the kernel, on the ingress of the media interfaces (tc, a tcx link).
 *
 * A packet for the address and port of a flow, from the flow's one source, by the interface that leads there, that is RTP beyond
 * doubt and has a payload type that may pass, is counted, gets the addresses of the other leg, and leaves. Everything else goes up
 * to the process's socket exactly as it came: RTCP, STUN, DTLS, strangers, odd or fragmented packets, super-packets that a network
 * card or the stack has put together (GRO), what is too long for the way out. Only who bears our own mark loses it. What it counts is what rtp-proto's Reception counts
 * (reception.h).
 *
 * What it does not do: it does not look whether the UDP checksum is right. It changes it by what it changes itself (RFC 1624), so
 * that a packet that was damaged before it came stays so, and the receiver's stack drops it. Netfilter's and IPsec's rules are
 * not asked.
 *
 * Built by `make bpf`. The licence string below is what the kernel asks of programs that call its GPL-only helpers
 * (bpf_redirect_neigh, bpf_ktime_get_ns); this file may be used under any of the three licences above.
 */
#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/udp.h>
#include "reception.h"

#define SEC(name) __attribute__((section(name), used))
#define __uint(name, val) int(*name)[val]
#define __type(name, val) typeof(val) *name

/* Helpers by number (include/uapi/linux/bpf.h). */
static void *(*map_lookup)(void *map, const void *key) = (void *)BPF_FUNC_map_lookup_elem;
static __u64 (*ktime_get_ns)(void) = (void *)BPF_FUNC_ktime_get_ns;
static long (*load_bytes)(const void *skb, __u32 at, void *to, __u32 len) = (void *)BPF_FUNC_skb_load_bytes;
static long (*store_bytes)(void *skb, __u32 at, const void *from, __u32 len, __u64 flags) = (void *)BPF_FUNC_skb_store_bytes;
static long (*l4_csum_replace)(void *skb, __u32 at, __u64 from, __u64 to, __u64 flags) = (void *)BPF_FUNC_l4_csum_replace;
static long (*redirect_neigh)(__u32 ifindex, void *params, int plen, __u64 flags) = (void *)BPF_FUNC_redirect_neigh;
static long (*check_mtu)(void *skb, __u32 ifindex, __u32 *mtu, __s32 more, __u64 flags) = (void *)BPF_FUNC_check_mtu;
static void (*lock)(struct bpf_spin_lock *lock) = (void *)BPF_FUNC_spin_lock;
static void (*unlock)(struct bpf_spin_lock *lock) = (void *)BPF_FUNC_spin_unlock;

/* The next program on the interface decides, or the stack: a switch beside this one has its own flows. */
#define NEXT (-1) /* TC_ACT_UNSPEC, TCX_NEXT */
#define SHOT 2    /* TC_ACT_SHOT */
#define LOOPBACK_IFINDEX 1
#define PACKET_HOST 0
/* What every interface takes; no longer audio packet is usual. */
#define SMALL 576

/* Sizes are set when it is loaded. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1024);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, struct flow_key);
	__type(value, __u32); /* in `slots` and `gates` */
} flows SEC(".maps");

/*
 * An array, whose memory stays what it is: an entry of a hash that was found may become another's under the eyes of a program that
 * was interrupted.
 */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1024);
	__type(key, __u32);
	__type(value, struct slot);
} slots SEC(".maps");

/* Whether the slot's flow is at work. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1024);
	__type(key, __u32);
	__type(value, __u32);
} gates SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1024);
	__type(key, __u32);
	__type(value, struct types);
} types SEC(".maps");

#define IP_AT ETH_HLEN

/* A datagram as far as it has been looked at. */
struct packet {
	struct flow_key key;
	struct address from;
	__be16 from_port;
	__u16 is_rtp;
	__u32 has_checksum;
	__u32 udp_at;
	__u32 bytes; /* of UDP payload */
	__u32 iif;
	struct rtp rtp;
};

/* What is done with it: copied from the flow under its lock. */
struct way {
	struct address via;
	struct address to;
	__be16 via_port;
	__be16 to_port;
	__u8 traffic_class;
	__u8 out;
	__u8 any;
	__u8 rewrites;
	__u32 oif;
	struct rtp rtp; /* as it leaves */
};

/* ---- Reading ---- */

__inline __u32 fold(__u64 sum)
{
	sum = (sum & 0xffffffff) + (sum >> 32);
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	return (sum & 0xffff) + (sum >> 16);
}

__inline int parse_ipv4(struct __sk_buff *skb, struct packet *p)
{
	struct {
		struct iphdr ip;
		struct udphdr udp;
	} h;
	const __u32 *word = (const __u32 *)&h.ip;

	if (load_bytes(skb, IP_AT, &h, sizeof(h)) || h.ip.ihl != 5 || h.ip.version != 4 || h.ip.protocol != IPPROTO_UDP)
		return 0;
	if (h.ip.frag_off & htons(0x3fff) || h.ip.ttl <= 1)
		return 0;
	if (fold((__u64)word[0] + word[1] + word[2] + word[3] + word[4]) != 0xffff)
		return 0;
	p->key.family = 4;
	p->key.local.word[0] = h.ip.daddr;
	p->key.port = h.udp.dest;
	p->from.word[0] = h.ip.saddr;
	p->from_port = h.udp.source;
	p->has_checksum = h.udp.check != 0;
	p->udp_at = IP_AT + sizeof(h.ip);
	p->bytes = ntohs(h.udp.len);
	/* All of what the one header says is there, and all of what the other says is in it. */
	return IP_AT + ntohs(h.ip.tot_len) <= skb->len && p->bytes + sizeof(h.ip) <= ntohs(h.ip.tot_len);
}

__inline int parse_ipv6(struct __sk_buff *skb, struct packet *p)
{
	struct {
		struct ipv6hdr ip;
		struct udphdr udp;
	} h;

	if (load_bytes(skb, IP_AT, &h, sizeof(h)) || h.ip.version != 6 || h.ip.nexthdr != IPPROTO_UDP || h.ip.hop_limit <= 1)
		return 0;
	/* Here a checksum is a must (RFC 8200, 8.1). */
	if (!h.udp.check)
		return 0;
	p->key.family = 6;
	__builtin_memcpy(&p->key.local, &h.ip.daddr, sizeof(p->key.local));
	p->key.port = h.udp.dest;
	__builtin_memcpy(&p->from, &h.ip.saddr, sizeof(p->from));
	p->from_port = h.udp.source;
	p->has_checksum = 1;
	p->udp_at = IP_AT + sizeof(h.ip);
	p->bytes = ntohs(h.udp.len);
	return p->udp_at + ntohs(h.ip.payload_len) <= skb->len && p->bytes <= ntohs(h.ip.payload_len);
}

/* A UDP datagram that is whole and its own segment. */
__inline int parse(struct __sk_buff *skb, struct packet *p)
{
	int good = skb->protocol == htons(ETH_P_IP) ? parse_ipv4(skb, p) : parse_ipv6(skb, p);

	if (!good || p->bytes < sizeof(struct udphdr))
		return 0;
	p->bytes -= sizeof(struct udphdr);
	p->iif = skb->ifindex;
	return 1;
}

/* RFC 3550 A.1, as rtp-proto/src/rtp.rs: RTP, with CSRC list, extension and padding that fit. */
__inline int is_rtp(struct __sk_buff *skb, struct packet *p)
{
	struct rtp *h = &p->rtp;
	__u32 at = p->udp_at + sizeof(struct udphdr), header;

	if (p->bytes < sizeof(*h) || load_bytes(skb, at, h, sizeof(*h)) || h->first >> 6 != 2)
		return 0;
	if (h->second >= 200 && h->second <= 204)
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

/* ---- Deciding ---- */

/* Whether the flow is about this packet: who it is from, and by which interface it should come. */
__inline int concerns(const struct flow *f, const struct packet *p)
{
	return f->from_port == p->from_port && same(&f->from, &p->from) && f->iif == p->iif && f->key.port == p->key.port &&
	       f->key.family == p->key.family && same(&f->key.local, &p->key.local);
}

/* What the numbers of an RTP packet become; none: it is not of the source whose numbers are rewritten, or far from it. */
__inline int renumber(const struct flow *f, const struct tally *t, const struct rtp *h, struct rtp *is)
{
	__u16 sequence = ntohs(h->sequence), ahead = sequence - (__u16)t->highest;

	if (ntohl(h->ssrc) != f->rewrite_of)
		return 0;
	if (t->flags & TALLY_RUN && t->ssrc == f->rewrite_of && (__u16)(ahead + MAX_DROPOUT) >= 2 * MAX_DROPOUT)
		return 0;
	is->sequence = htons((__u16)(sequence + f->rewrite_sequence));
	is->timestamp = htonl(ntohl(h->timestamp) + f->rewrite_timestamp);
	is->ssrc = htonl(f->rewrite_ssrc);
	return 1;
}

/* What `take` says of a packet: not the flow's, counted, or with a mark that nobody but this program makes. */
#define OTHER 0
#define TAKEN 1
#define FORGED 2

/* Under the lock: whether the packet is the flow's, and if so, that it is counted, and what is done with it. */
__inline int take(struct slot *s, const __u32 *gate, const struct types *types, const struct packet *p, __u64 now, struct way *w)
{
	const struct flow *f = &s->flow;
	__u8 type = p->rtp.second & 127;

	if (!*(volatile const __u32 *)gate || !concerns(f, p))
		return OTHER;
	w->any = f->flags & FLOW_ANY;
	if (w->any) {
		receive_any(&s->tally, now, p->bytes);
	} else {
		/* With the marker bit, 192 to 223 are RTCP's where it shares the port. */
		if (!p->is_rtp)
			return p->rtp.first >> 6 == 3 ? FORGED : OTHER;
		if (f->flags & FLOW_MUX && p->rtp.second >= 192 && p->rtp.second <= 223)
			return OTHER;
		w->rtp = p->rtp;
		w->out = types->out[type];
		w->rewrites = f->flags & FLOW_REWRITE;
		if (w->rewrites && !renumber(f, &s->tally, &p->rtp, &w->rtp))
			return OTHER;
		w->rtp.second = (p->rtp.second & 0x80) | w->out;
		receive(&s->tally, types, now, &p->rtp, p->bytes, w->out);
	}
	w->via = f->via;
	w->to = f->to;
	w->via_port = f->via_port;
	w->to_port = f->to_port;
	w->traffic_class = f->traffic_class;
	w->oif = f->oif;
	return TAKEN;
}

/* ---- Rewriting ---- */

/* The difference between the sums of some 32-bit words, in one's complement. */
__inline __u64 difference(const __u32 *was, const __u32 *is, int words)
{
	__u64 sum = 0;

	for (int n = 0; n < words; n++)
		sum += (__u64)(__u32)~was[n] + is[n];
	sum = (sum & 0xffffffff) + (sum >> 32);
	return (sum & 0xffffffff) + (sum >> 32);
}

/*
 * Checksums. The UDP checksum is changed by differences, since it may be partial (to be finished by a device or not at all, as
 * on lo): the helper knows. What it is not told, bpf_skb_store_bytes has to tell skb->csum (BPF_F_RECOMPUTE_CSUM): on IPv6, and
 * where there is no UDP checksum, nothing else makes up for the change.
 */
__inline long rewrite_ipv4(struct __sk_buff *skb, const struct way *w, __u64 *diff)
{
	struct iphdr ip;
	__u32 is[2] = {w->via.word[0], w->to.word[0]};
	__u32 sum;
	__u16 old_first, old_ttl;

	if (load_bytes(skb, IP_AT, &ip, sizeof(ip)))
		return -1;
	*diff = difference(&ip.saddr, is, 2);
	old_first = *(__u16 *)&ip;
	old_ttl = *((__u16 *)&ip + 4);
	ip.tos = (ip.tos & 3) | w->traffic_class;
	ip.ttl--;
	ip.saddr = is[0];
	ip.daddr = is[1];
	/* RFC 1624: the sum's complement, plus what came, less what went. */
	sum = (__u16)~ip.check;
	sum += (__u16)~old_first + *(__u16 *)&ip;
	sum += (__u16)~old_ttl + *((__u16 *)&ip + 4);
	ip.check = ~fold(*diff + sum);
	return store_bytes(skb, IP_AT, &ip, sizeof(ip), 0);
}

__inline long rewrite_ipv6(struct __sk_buff *skb, const struct way *w, __u64 *diff)
{
	struct ipv6hdr ip;
	__u32 is[8];
	__u32 first;

	if (load_bytes(skb, IP_AT, &ip, sizeof(ip)))
		return -1;
	__builtin_memcpy(&is[0], &w->via, sizeof(w->via));
	__builtin_memcpy(&is[4], &w->to, sizeof(w->to));
	*diff = difference((const __u32 *)&ip.saddr, is, 8);
	first = ntohl(*(__be32 *)&ip);
	first = (first & 0xf03fffff) | (__u32)w->traffic_class << 20;
	*(__be32 *)&ip = ntohl(first);
	ip.hop_limit--;
	__builtin_memcpy(&ip.saddr, is, sizeof(is));
	return store_bytes(skb, IP_AT, &ip, sizeof(ip), BPF_F_RECOMPUTE_CSUM);
}

/* Changes some words of the datagram's payload or its ports, and the checksum by that. */
__inline long change(struct __sk_buff *skb, const struct packet *p, __u32 at, const __u32 *was, const __u32 *is, int words)
{
	__u32 check_at = p->udp_at + __builtin_offsetof(struct udphdr, check);
	__u64 store = p->has_checksum ? 0 : BPF_F_RECOMPUTE_CSUM;
	long bad = 0;

	if (p->has_checksum)
		bad = l4_csum_replace(skb, check_at, 0, difference(was, is, words), BPF_F_MARK_MANGLED_0);
	return bad | store_bytes(skb, at, is, 4 * words, store);
}

__inline long rewrite(struct __sk_buff *skb, const struct packet *p, const struct way *w)
{
	__u32 check_at = p->udp_at + __builtin_offsetof(struct udphdr, check);
	__u32 rtp_at = p->udp_at + sizeof(struct udphdr);
	struct {
		__be16 source, dest;
	} was = {p->from_port, p->key.port}, is = {w->via_port, w->to_port};
	__u64 diff = 0;
	long bad = p->key.family == 4 ? rewrite_ipv4(skb, w, &diff) : rewrite_ipv6(skb, w, &diff);

	if (p->has_checksum)
		bad |= l4_csum_replace(skb, check_at, 0, diff, BPF_F_PSEUDO_HDR | BPF_F_MARK_MANGLED_0);
	bad |= change(skb, p, p->udp_at, (__u32 *)&was, (__u32 *)&is, 1);
	if (w->any)
		return bad;
	if (w->rewrites)
		bad |= change(skb, p, rtp_at, (const __u32 *)&p->rtp, (const __u32 *)&w->rtp, 3);
	else if (w->rtp.second != p->rtp.second)
		bad |= change(skb, p, rtp_at, (const __u32 *)&p->rtp, (const __u32 *)&w->rtp, 1);
	return bad;
}

/* It was counted as sent, and was not. */
__inline int fail(struct slot *s, const __u32 *gate, const struct packet *p)
{
	lock(&s->lock);
	if (*(volatile const __u32 *)gate && concerns(&s->flow, p)) {
		s->tally.failed++;
		s->tally.failed_bytes += p->bytes;
	}
	unlock(&s->lock);
	return SHOT;
}

/* Leaves a packet to the process with this first octet. */
__inline int up(struct __sk_buff *skb, const struct packet *p, __u8 first)
{
	struct rtp is = p->rtp;

	is.first = first;
	change(skb, p, p->udp_at + sizeof(struct udphdr), (const __u32 *)&p->rtp, (const __u32 *)&is, 1);
	return NEXT;
}

SEC("classifier")
int relay(struct __sk_buff *skb)
{
	struct packet p = {};
	struct way w = {};
	struct types *pts;
	struct slot *s;
	__u32 *at, *gate;
	__u32 slot, table, oif, mtu = 0;
	__u64 now;
	int taken = OTHER;

	if (skb->protocol != htons(ETH_P_IP) && skb->protocol != htons(ETH_P_IPV6))
		return NEXT;
	if (skb->pkt_type != PACKET_HOST || skb->vlan_present || skb->gso_size || !parse(skb, &p))
		return NEXT;
	at = map_lookup(&flows, &p.key);
	if (!at)
		return NEXT;
	slot = *at;
	s = map_lookup(&slots, &slot);
	gate = map_lookup(&gates, &slot);
	if (!s || !gate)
		return NEXT;
	/* Read without the lock, which allows no calls; looked at again under it. */
	table = s->flow.types;
	oif = s->flow.oif;
	pts = map_lookup(&types, &table);
	if (!pts)
		return NEXT;
	/* From outside to this host itself: our own source address would be refused as a martian. The process relays it. */
	if (!oif && p.iif != LOOPBACK_IFINDEX)
		return NEXT;
	/* The process's socket sends it in pieces. */
	if (oif && skb->len > SMALL && check_mtu(skb, oif, &mtu, 0, 0))
		return NEXT;
	p.is_rtp = is_rtp(skb, &p);
	now = ktime_get_ns();
	lock(&s->lock);
	if (s->flow.types == table && s->flow.oif == oif)
		taken = take(s, gate, pts, &p, now, &w);
	unlock(&s->lock);
	if (taken == OTHER)
		return NEXT;
	/* Version 1: no RTP, as version 3 is none. */
	if (taken == FORGED)
		return up(skb, &p, p.rtp.first & 0x7f);
	if (!w.any && w.out == OUT_DROP)
		return SHOT;
	if (!w.any && w.out == OUT_UP)
		return up(skb, &p, p.rtp.first | COUNTED);
	if (rewrite(skb, &p, &w))
		return fail(s, gate, &p);
	return w.oif ? redirect_neigh(w.oif, 0, 0, 0) : NEXT;
}

char licence[] SEC("license") = "Dual MIT/GPL";
