// SPDX-License-Identifier: BSD-3-Clause
#include "tests/unit/bpf/corpus.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define V6		       .src = "fd01::10", .dst = "fd02::10"
#define KERNEL(reason)	       .kind = VERDICT_KERNEL, .value = reason
#define CLAIM(path, cls, bits) .kind = VERDICT_CLAIM, .value = path, .class = cls, .flags = bits
#define TUNNEL(lane, bits) \
	.role = CLASSIFY_WAN, .kind = VERDICT_TUNNEL, .value = lane, .flags = bits
#define WAN4	   .src = "10.200.0.2", .dst = "10.200.0.1"
#define WAN6	   .src = "fd00:200::2", .dst = "fd00:200::1"
#define NOT_TUNNEL .role = CLASSIFY_WAN, KERNEL(KERNEL_NOT_TUNNEL)
#define ICMP4	   .protocol = 1
#define ICMP6	   V6, .protocol = 58
#define F6	   VERDICT_F_IPV6
#define FRAG	   VERDICT_F_FRAGMENT
#define ROCE	   VERDICT_F_ROCE
#define TCP	   VERDICT_F_TCP
#define ECT	   VERDICT_F_ECT
#define TAG	   VERDICT_F_TAGGED
#define TO_B	   .dst = "10.103.0.1"
#define BLK	   VERDICT_F_BLOCK
/* Not the claim's: flags and bucket are of claims only. */
#define BLOCK(path, cls) .kind = VERDICT_BLOCK, .value = path, .class = cls
#define PAUSE		 .kind = VERDICT_PAUSE
#define TO_E		 .dst = "10.104.0.1"
#define FROM_F		 .src = "10.101.9.1"

#define PATHS 6

const struct corpus_case corpus[] = {
	/* ports */
	{"tcp4", {.protocol = 6, .dport = 5001}, CLAIM(PATH_A, 0, TCP)},
	{"tcp4 source port", {.protocol = 6, .sport = 5999, .dport = 40000}, CLAIM(PATH_A, 0, TCP)},
	{"tcp4 first port", {.protocol = 6, .dport = 5000}, CLAIM(PATH_A, 0, TCP)},
	{"tcp4 last port", {.protocol = 6, .dport = 5999}, CLAIM(PATH_A, 0, TCP)},
	{"tcp4 below", {.protocol = 6, .dport = 4999}, KERNEL(KERNEL_NO_RULE)},
	{"tcp4 above", {.protocol = 6, .dport = 6000}, KERNEL(KERNEL_NO_RULE)},
	{"tcp4 ssh", {.protocol = 6, .sport = 40000, .dport = 22}, KERNEL(KERNEL_NO_RULE)},
	{"tcp4 port 65535",
	 {.protocol = 6, .sport = 65535, .dport = 65535},
	 KERNEL(KERNEL_NO_RULE)},
	{"udp4", {.dport = 5500, .payload = 100}, CLAIM(PATH_A, 0, 0)},
	{"udp4 both ports", {.sport = 5000, .dport = 5999}, CLAIM(PATH_A, 0, 0)},
	{"udp4 other port", {.dport = 53}, KERNEL(KERNEL_NO_RULE)},
	{"tcp6", {V6, .protocol = 6, .dport = 5001}, CLAIM(PATH_A, 0, TCP | F6)},
	{"udp6", {V6, .dport = 5001}, CLAIM(PATH_A, 0, F6)},
	{"udp6 other port", {V6, .dport = 53}, KERNEL(KERNEL_NO_RULE)},
	{"sctp", {.protocol = 132, .payload = 12}, KERNEL(KERNEL_NO_RULE)},
	/* RoCEv2 */
	{"roce4",
	 {.dport = 4791, .opcode = 4, .qp = 17, .tos = 2, .payload = 64},
	 CLAIM(PATH_A, 0, ROCE | ECT)},
	{"roce4 high qp",
	 {.dport = 4791, .opcode = 6, .qp = 0xfedcba, .payload = 64},
	 CLAIM(PATH_A, 0, ROCE)},
	{"roce6", {V6, .dport = 4791, .opcode = 4, .qp = 17}, CLAIM(PATH_A, 0, ROCE | F6)},
	{"roce bare BTH", {.dport = 4791, .opcode = 17, .qp = 1}, CLAIM(PATH_A, 0, ROCE)},
	{"cnp4",
	 {.dport = 4791, .opcode = 0x81, .qp = 17, .tos = 48 << 2, .payload = 16},
	 CLAIM(PATH_A, 0, ROCE | VERDICT_F_CNP)},
	{"cnp6",
	 {V6, .dport = 4791, .opcode = 0x81, .qp = 17},
	 CLAIM(PATH_A, 0, ROCE | VERDICT_F_CNP | F6)},
	{"roce source port only", {.sport = 4791, .dport = 4790}, KERNEL(KERNEL_NO_RULE)},
	{"roce BTH cut in the packet",
	 {.dport = 4791, .length_delta = -1},
	 KERNEL(KERNEL_TRUNCATED)},
	{"roce port as tcp", {.protocol = 6, .dport = 4791}, KERNEL(KERNEL_NO_RULE)},
	{"roce on path for all", {TO_B, .dport = 4791, .qp = 9}, CLAIM(PATH_B, 1, ROCE | BLK)},
	/* ICMP */
	{"echo request", {ICMP4, .icmp_type = 8}, CLAIM(PATH_A, 0, 0)},
	{"echo reply", {ICMP4, .icmp_type = 0}, CLAIM(PATH_A, 0, 0)},
	{"unreachable", {ICMP4, .icmp_type = 3}, KERNEL(KERNEL_NO_RULE)},
	{"echo6 request", {ICMP6, .icmp_type = 128}, CLAIM(PATH_A, 0, F6)},
	{"echo6 reply", {ICMP6, .icmp_type = 129}, CLAIM(PATH_A, 0, F6)},
	{"neighbour solicitation", {ICMP6, .icmp_type = 135}, KERNEL(KERNEL_NO_RULE)},
	{"icmp4 in ipv6", {V6, .protocol = 1, .icmp_type = 128}, KERNEL(KERNEL_NO_RULE)},
	{"icmp6 in ipv4", {.protocol = 58, .icmp_type = 8}, KERNEL(KERNEL_NO_RULE)},
	{"unreachable on path for all", {TO_B, ICMP4, .icmp_type = 3}, CLAIM(PATH_B, 1, BLK)},
	{"icmp header cut", {ICMP4, .icmp_type = 8, .length_delta = -1}, KERNEL(KERNEL_TRUNCATED)},
	/* addresses and precedence */
	{"other source", {.src = "192.0.2.1", .dport = 5001}, KERNEL(KERNEL_NO_RULE)},
	{"other destination", {.dst = "192.0.2.1", .dport = 5001}, KERNEL(KERNEL_NO_RULE)},
	{"backwards",
	 {.src = "10.102.0.10", .dst = "10.101.0.10", .dport = 5001},
	 KERNEL(KERNEL_NO_RULE)},
	{"first of prefix",
	 {.src = "10.101.0.0", .dst = "10.102.255.255", .dport = 5001},
	 CLAIM(PATH_A, 0, 0)},
	{"dscp 46 from the longer prefix",
	 {.src = "10.101.7.1", .protocol = 6, .dport = 5001, .tos = 46 << 2},
	 CLAIM(PATH_C, 2, TCP)},
	{"dscp 45 falls to path A",
	 {.src = "10.101.7.1", .protocol = 6, .dport = 5001, .tos = 45 << 2},
	 CLAIM(PATH_A, 0, TCP)},
	{"dscp 46 next prefix",
	 {.src = "10.101.8.1", .protocol = 6, .dport = 5001, .tos = 46 << 2},
	 CLAIM(PATH_A, 0, TCP)},
	{"dscp 10 of the wide prefix",
	 {.src = "10.9.9.9", .dport = 9, .tos = 10 << 2},
	 CLAIM(PATH_D, 1, 0)},
	{"dscp 10 inside a longer one", {.dport = 9, .tos = 10 << 2 | 1}, CLAIM(PATH_D, 1, ECT)},
	{"dscp 10, path A first", {.dport = 5001, .tos = 10 << 2}, CLAIM(PATH_A, 0, 0)},
	{"dscp 0 of the wide prefix", {.src = "10.9.9.9", .dport = 9}, KERNEL(KERNEL_NO_RULE)},
	{"protocol 0", {TO_B, .protocol_zero = 1, .payload = 8}, CLAIM(PATH_B, 1, BLK)},
	{"mapped source in ipv6",
	 {.src = "::ffff:10.101.0.10", .dst = "fd02::10", .dport = 5001},
	 KERNEL(KERNEL_BAD_HEADER)},
	{"mapped destination in ipv6",
	 {.src = "fd01::10", .dst = "::ffff:10.102.0.10", .dport = 5001},
	 KERNEL(KERNEL_BAD_HEADER)},
	/* ECN */
	{"ect0", {.dport = 5001, .tos = 2}, CLAIM(PATH_A, 0, ECT)},
	{"ect1", {.dport = 5001, .tos = 1}, CLAIM(PATH_A, 0, ECT)},
	{"ce6", {V6, .dport = 5001, .tos = 3}, CLAIM(PATH_A, 0, ECT | F6)},
	/* fragments */
	{"first fragment, ports",
	 {.dport = 5001, .fragment = 0x2000, .payload = 64},
	 KERNEL(KERNEL_NO_RULE)},
	{"first fragment",
	 {TO_B, .dport = 5001, .fragment = 0x2000, .payload = 64},
	 CLAIM(PATH_B, 1, FRAG | BLK)},
	{"middle fragment",
	 {TO_B, .protocol = 6, .fragment = 0x2010, .payload = 64},
	 CLAIM(PATH_B, 1, FRAG | BLK)},
	{"last fragment",
	 {TO_B, .dport = 4791, .fragment = 0x0020, .payload = 64},
	 CLAIM(PATH_B, 1, FRAG | BLK)},
	{"tiny last fragment",
	 {TO_B, .protocol = 250, .fragment = 0x0020, .payload = 1},
	 CLAIM(PATH_B, 1, FRAG | BLK)},
	{"do not fragment", {.dport = 5001, .fragment = 0x4000}, CLAIM(PATH_A, 0, 0)},
	{"reserved flag", {.dport = 5001, .fragment = 0x8000}, CLAIM(PATH_A, 0, 0)},
	{"icmp fragment, dscp path",
	 {ICMP4, .icmp_type = 8, .fragment = 0x2000, .tos = 10 << 2},
	 CLAIM(PATH_D, 1, FRAG)},
	{"fragment6 first",
	 {V6, .dport = 5001, .fragment_header = 1, .fragment = 1},
	 KERNEL(KERNEL_NO_RULE)},
	{"fragment6 header cut",
	 {V6, .fragment_header = 1, .length_delta = -9},
	 KERNEL(KERNEL_TRUNCATED)},
	/* truncated frames: at each header */
	{"one byte", {.cut = 1}, KERNEL(KERNEL_TRUNCATED)},
	{"13 bytes", {.cut = 13}, KERNEL(KERNEL_TRUNCATED)},
	{"ethernet only", {.cut = 14}, KERNEL(KERNEL_TRUNCATED)},
	{"ethernet only v6", {V6, .cut = 14}, KERNEL(KERNEL_TRUNCATED)},
	{"tag cut", {.tag_count = 1, .cut = 16}, KERNEL(KERNEL_TRUNCATED)},
	{"second tag cut", {.tag_count = 2, .cut = 20}, KERNEL(KERNEL_TRUNCATED)},
	{"tag only", {.tag_count = 1, .cut = 18}, KERNEL(KERNEL_TRUNCATED)},
	{"ip header cut", {.cut = 33}, KERNEL(KERNEL_TRUNCATED)},
	{"ip header only", {.cut = 34}, KERNEL(KERNEL_TRUNCATED)},
	{"ipv6 header cut", {V6, .cut = 53}, KERNEL(KERNEL_TRUNCATED)},
	{"ipv6 header only", {V6, .cut = 54}, KERNEL(KERNEL_TRUNCATED)},
	{"udp header cut", {.dport = 5001, .cut = 41}, KERNEL(KERNEL_TRUNCATED)},
	{"last byte cut", {.dport = 5001, .payload = 500, .cut = 541}, KERNEL(KERNEL_TRUNCATED)},
	{"udp header cut in the packet",
	 {.dport = 5001, .length_delta = -1},
	 KERNEL(KERNEL_TRUNCATED)},
	{"tcp header cut in the packet",
	 {.protocol = 6, .dport = 5001, .length_delta = -1},
	 KERNEL(KERNEL_TRUNCATED)},
	{"tcp6 header cut in the packet",
	 {V6, .protocol = 6, .dport = 5001, .length_delta = -1},
	 KERNEL(KERNEL_TRUNCATED)},
	{"ethernet padding", {.dport = 5001, .padding = 18}, CLAIM(PATH_A, 0, 0)},
	{"port in the padding",
	 {.dport = 5001, .length_delta = -8, .padding = 20},
	 KERNEL(KERNEL_TRUNCATED)},
	/* malformed headers */
	{"version 5", {.dport = 5001, .version = 5}, KERNEL(KERNEL_BAD_HEADER)},
	{"version 6 as ipv4",
	 {.dport = 5001, .version = 6, .padding = 40},
	 KERNEL(KERNEL_BAD_HEADER)},
	{"version 4 as ipv6", {V6, .dport = 5001, .version = 4}, KERNEL(KERNEL_BAD_HEADER)},
	{"ihl 4", {.dport = 5001, .ihl = 4}, KERNEL(KERNEL_BAD_HEADER)},
	{"ihl 1", {.dport = 5001, .ihl = 1}, KERNEL(KERNEL_BAD_HEADER)},
	{"total length 0", {.dport = 5001, .length_zero = 1}, KERNEL(KERNEL_BAD_HEADER)},
	{"total length 19", {.dport = 5001, .length_delta = -9}, KERNEL(KERNEL_BAD_HEADER)},
	{"total length too long", {.dport = 5001, .length_delta = 1}, KERNEL(KERNEL_TRUNCATED)},
	{"payload length 0", {V6, .dport = 5001, .length_zero = 1}, KERNEL(KERNEL_BAD_HEADER)},
	{"payload length too long",
	 {V6, .dport = 5001, .length_delta = 1},
	 KERNEL(KERNEL_TRUNCATED)},
	{"ip options", {.dport = 5001, .ihl = 6}, KERNEL(KERNEL_IP_OPTIONS)},
	{"most ip options", {.dport = 5001, .ihl = 15}, KERNEL(KERNEL_IP_OPTIONS)},
	{"ip options cut",
	 {.dport = 5001, .ihl = 15, .length_delta = -9},
	 KERNEL(KERNEL_BAD_HEADER)},
	/* IPv6 extension headers */
	{"hop by hop", {V6, .dport = 5001, .ext_count = 1, .ext = {0}}, CLAIM(PATH_A, 0, F6)},
	{"routing",
	 {V6, .protocol = 6, .dport = 5001, .ext_count = 1, .ext = {43}, .ext_len = {2}},
	 CLAIM(PATH_A, 0, F6 | TCP)},
	{"two extensions",
	 {V6, .dport = 4791, .qp = 5, .ext_count = 2, .ext = {0, 60}, .ext_len = {1, 1}},
	 CLAIM(PATH_A, 0, F6 | ROCE)},
	{"largest extensions",
	 {V6, .dport = 4791, .qp = 5, .ext_count = 2, .ext = {0, 60}, .ext_len = {1, 2}},
	 CLAIM(PATH_A, 0, F6 | ROCE)},
	{"largest with two tags",
	 {V6, .dport = 4791, .qp = 5, .ext_count = 2, .ext = {0, 60}, .ext_len = {1, 2},
	  .tag_count = 2},
	 CLAIM(PATH_A, 0, F6 | ROCE | TAG)},
	{"extensions too long",
	 {V6, .dport = 4791, .ext_count = 2, .ext = {0, 60}, .ext_len = {2, 2}},
	 KERNEL(KERNEL_IP_OPTIONS)},
	{"one long extension",
	 {V6, .dport = 5001, .ext_count = 1, .ext = {60}, .ext_len = {255}},
	 KERNEL(KERNEL_IP_OPTIONS)},
	{"three extensions",
	 {V6, .dport = 5001, .ext_count = 3, .ext = {0, 60, 43}},
	 KERNEL(KERNEL_IP_OPTIONS)},
	{"extension past the packet",
	 {V6, .dport = 5001, .ext_count = 1, .ext = {60}, .length_delta = -9},
	 KERNEL(KERNEL_TRUNCATED)},
	{"extension and fragment",
	 {V6, .dport = 5001, .ext_count = 1, .ext = {60}, .fragment_header = 1},
	 KERNEL(KERNEL_NO_RULE)},
	/* TTL, size */
	{"ttl 2", {.dport = 5001, .ttl = 2}, CLAIM(PATH_A, 0, 0)},
	{"ttl 1", {.dport = 5001, .ttl = 1}, KERNEL(KERNEL_TTL)},
	{"ttl 0", {.dport = 5001, .ttl = -1}, KERNEL(KERNEL_TTL)},
	{"hop limit 1", {V6, .dport = 5001, .ttl = 1}, KERNEL(KERNEL_TTL)},
	{"largest", {.dport = 5001, .payload = 1472}, CLAIM(PATH_A, 0, 0)},
	{"too big", {.dport = 5001, .payload = 1473}, KERNEL(KERNEL_TOO_BIG)},
	{"largest6", {V6, .dport = 5001, .payload = 1452}, CLAIM(PATH_A, 0, F6)},
	{"too big6", {V6, .dport = 5001, .payload = 1453}, KERNEL(KERNEL_TOO_BIG)},
	{"too big for path B", {TO_B, .payload = 1373}, BLOCK(PATH_B, 1)},
	{"too big but no rule", {.dport = 53, .payload = 1473}, KERNEL(KERNEL_NO_RULE)},
	/* what must not leave in clear */
	{"idle path", {TO_E, .dport = 9}, BLOCK(PATH_E, 2)},
	{"idle path, fragment", {TO_E, .fragment = 0x2000, .payload = 64}, BLOCK(PATH_E, 2)},
	{"idle path, ttl 1", {TO_E, .ttl = 1}, KERNEL(KERNEL_TTL)},
	{"idle path, any size", {TO_E, .payload = 1473}, BLOCK(PATH_E, 2)},
	{"idle path, other source", {TO_E, .src = "192.0.2.1"}, KERNEL(KERNEL_NO_RULE)},
	{"idle path, ip options", {TO_E, .ihl = 6}, BLOCK(PATH_E, 2)},
	{"idle path, port cut", {TO_E, .length_delta = -1}, BLOCK(PATH_E, 2)},
	{"idle path, wrong mac", {TO_E, .wrong_mac = 1}, KERNEL(KERNEL_NOT_OURS)},
	{"blocking path, ip options", {TO_B, .ihl = 7}, BLOCK(PATH_B, 1)},
	{"blocking path, options and ttl 1", {TO_B, .ihl = 7, .ttl = 1}, KERNEL(KERNEL_TTL)},
	{"blocking path, transport cut",
	 {TO_B, .protocol = 6, .length_delta = -1},
	 BLOCK(PATH_B, 1)},
	{"idle path, extensions",
	 {.src = "fd01::10", .dst = "fd04::1", .ext_count = 3, .ext = {0, 60, 43}},
	 BLOCK(PATH_E, 2)},
	{"idle path, one long extension",
	 {.src = "fd01::10", .dst = "fd04::1", .ext_count = 1, .ext = {60}, .ext_len = {255}},
	 BLOCK(PATH_E, 2)},
	{"idle path, extension cut",
	 {.src = "fd01::10", .dst = "fd04::1", .ext_count = 1, .ext = {60}, .length_delta = -9},
	 BLOCK(PATH_E, 2)},
	{"idle path within a claiming one",
	 {FROM_F, .protocol = 6, .dport = 5001},
	 CLAIM(PATH_A, 0, TCP | BLK)},
	{"idle path alone", {FROM_F, .protocol = 6, .dport = 80}, BLOCK(PATH_F, 0)},
	{"idle path, too big for the claiming one",
	 {FROM_F, .protocol = 6, .dport = 5001, .payload = 1461},
	 BLOCK(PATH_F, 0)},
	{"beside the idle path", {FROM_F, .dport = 5001}, CLAIM(PATH_A, 0, 0)},
	{"idle path by ports, ip options",
	 {FROM_F, .protocol = 6, .dport = 5001, .ihl = 6},
	 KERNEL(KERNEL_IP_OPTIONS)},
	/* Ethernet */
	{"wrong mac", {.dport = 5001, .wrong_mac = 1}, KERNEL(KERNEL_NOT_OURS)},
	{"multicast", {.dport = 5001, .multicast = 1}, KERNEL(KERNEL_NOT_OURS)},
	{"arp", {.ethertype = 0x0806}, KERNEL(KERNEL_NOT_IP)},
	{"lldp", {.ethertype = 0x88cc}, KERNEL(KERNEL_NOT_IP)},
	{"length field", {.ethertype = 46}, KERNEL(KERNEL_NOT_IP)},
	{"pause", {.ethertype = 0x8808, .control_mac = 1}, PAUSE},
	{"pause, padded", {.ethertype = 0x8808, .control_mac = 1, .padding = 200}, PAUSE},
	{"pause to our own mac", {.ethertype = 0x8808}, KERNEL(KERNEL_NOT_IP)},
	{"other protocol to the pause mac",
	 {.ethertype = 0x8809, .control_mac = 1},
	 KERNEL(KERNEL_NOT_OURS)},
	{"pause, tagged",
	 {.ethertype = 0x8808, .control_mac = 1, .tag_count = 1},
	 KERNEL(KERNEL_NOT_OURS)},
	{"pause, cut in its type",
	 {.ethertype = 0x8808, .control_mac = 1, .cut = 13},
	 KERNEL(KERNEL_TRUNCATED)},
	{"pause on the WAN",
	 {.ethertype = 0x8808, .control_mac = 1},
	 .role = CLASSIFY_WAN,
	 KERNEL(KERNEL_NOT_OURS)},
	{"priority tag", {.dport = 5001, .tag_count = 1, .tci = {0xa000}}, CLAIM(PATH_A, 0, TAG)},
	{"two priority tags",
	 {V6, .protocol = 6, .dport = 5001, .tag_count = 2, .tpid = {0x88a8, 0x8100}},
	 CLAIM(PATH_A, 0, TAG | F6 | TCP)},
	{"tagged roce",
	 {.dport = 4791, .qp = 3, .tag_count = 1, .tci = {0x6000}},
	 CLAIM(PATH_A, 0, TAG | ROCE)},
	{"vlan", {.dport = 5001, .tag_count = 1, .tci = {0x0064}}, KERNEL(KERNEL_VLAN)},
	{"vlan 4095", {.dport = 5001, .tag_count = 1, .tci = {0x0fff}}, KERNEL(KERNEL_VLAN)},
	{"vlan in the second tag",
	 {.dport = 5001, .tag_count = 2, .tci = {0, 1}},
	 KERNEL(KERNEL_VLAN)},
	{"three tags", {.dport = 5001, .tag_count = 3}, KERNEL(KERNEL_VLAN)},
	{"stripped vlan", {.dport = 5001}, .vlan_tci = 100, KERNEL(KERNEL_VLAN)},
	{"stripped priority tag", {.dport = 5001}, .vlan_tci = 0xa000, CLAIM(PATH_A, 0, 0)},
	/* WAN */
	{"tunnel", {WAN4, .dport = 47700, .payload = 64}, TUNNEL(0, 0)},
	{"tunnel last lane", {WAN4, .dport = 47701, .tos = 2}, TUNNEL(1, ECT)},
	{"tunnel6", {WAN6, .dport = 47701}, TUNNEL(1, F6)},
	{"tunnel tagged", {WAN4, .dport = 47700, .tag_count = 1}, TUNNEL(0, TAG)},
	{"tunnel ttl 1", {WAN4, .dport = 47700, .ttl = 1}, TUNNEL(0, 0)},
	{"tunnel below", {WAN4, .dport = 47699}, NOT_TUNNEL},
	{"tunnel above", {WAN4, .dport = 47702}, NOT_TUNNEL},
	{"tunnel source port", {WAN4, .sport = 47700, .dport = 1}, NOT_TUNNEL},
	{"tunnel tcp", {WAN4, .protocol = 6, .dport = 47700}, NOT_TUNNEL},
	{"tunnel to another",
	 {.src = "10.200.0.2", .dst = "10.200.0.3", .dport = 47700},
	 NOT_TUNNEL},
	{"tunnel6 to another",
	 {.src = "fd00:200::2", .dst = "fd00:200::3", .dport = 47700},
	 NOT_TUNNEL},
	{"tunnel fragment", {WAN4, .dport = 47700, .fragment = 0x2000}, NOT_TUNNEL},
	{"tunnel6 extension", {WAN6, .dport = 47700, .ext_count = 1, .ext = {60}}, NOT_TUNNEL},
	{"tunnel6 fragment", {WAN6, .dport = 47700, .fragment_header = 1}, NOT_TUNNEL},
	{"tunnel cut",
	 {WAN4, .dport = 47700, .length_delta = -1},
	 .role = CLASSIFY_WAN,
	 KERNEL(KERNEL_TRUNCATED)},
	{"tunnel options",
	 {WAN4, .dport = 47700, .ihl = 6},
	 .role = CLASSIFY_WAN,
	 KERNEL(KERNEL_IP_OPTIONS)},
	{"tunnel wrong mac",
	 {WAN4, .dport = 47700, .wrong_mac = 1},
	 .role = CLASSIFY_WAN,
	 KERNEL(KERNEL_NOT_OURS)},
	{"tunnel vlan",
	 {WAN4, .dport = 47700, .tag_count = 1, .tci = {7}},
	 .role = CLASSIFY_WAN,
	 KERNEL(KERNEL_VLAN)},
	{"bgp", {WAN4, .protocol = 6, .dport = 179}, NOT_TUNNEL},
	{"lan traffic on the wan", {.dport = 5001}, NOT_TUNNEL},
};
const uint32_t corpus_count = sizeof(corpus) / sizeof(corpus[0]);

static struct ip_prefix prefix(const char *text, uint8_t len)
{
	struct ip_prefix p = {.len = strchr(text, ':') ? len : (uint8_t)(96 + len)};

	if (strchr(text, ':')) {
		inet_pton(AF_INET6, text, p.addr.bytes);
		return p;
	}
	p.addr.bytes[10] = p.addr.bytes[11] = 0xff;
	inet_pton(AF_INET, text, p.addr.bytes + 12);
	return p;
}

static void path_a(struct intent_path *path)
{
	path->far_lan_mtu = 1500;
	path->near[0] = prefix("10.101.0.0", 16);
	path->near[1] = prefix("fd01::", 64);
	path->far[0] = prefix("10.102.0.0", 16);
	path->far[1] = prefix("fd02::", 64);
	path->near_count = path->far_count = 2;
	path->match[0] = (struct intent_match){PROTOCOL_TCP, 1, 0, {{5000, 5999}}};
	path->match[1] = (struct intent_match){PROTOCOL_UDP, 1, 0, {{5000, 5999}}};
	path->match[2] = (struct intent_match){.protocol = PROTOCOL_ROCE};
	path->match[3] = (struct intent_match){.protocol = PROTOCOL_ICMP_ECHO};
	path->match_count = 4;
}

static void path_simple(struct intent_path *path, struct ip_prefix near, struct ip_prefix far,
			struct intent_match match)
{
	path->far_lan_mtu = 1500;
	path->near[0] = near;
	path->far[0] = far;
	path->match[0] = match;
	path->near_count = path->far_count = path->match_count = 1;
}

static void paths_make(struct intent_path paths[PATHS])
{
	memset(paths, 0, PATHS * sizeof(paths[0]));
	for (uint32_t i = 0; i < PATHS; i++)
		paths[i].when_down = WHEN_DOWN_BEST_EFFORT;
	path_a(&paths[0]);
	path_simple(&paths[1], prefix("10.101.0.0", 16), prefix("10.103.0.0", 16),
		    (struct intent_match){.protocol = PROTOCOL_ANY});
	path_simple(&paths[2], prefix("10.101.7.0", 24), prefix("10.102.0.0", 16),
		    (struct intent_match){.protocol = PROTOCOL_TCP, .dscp_mask = 1ull << 46});
	path_simple(&paths[3], prefix("10.0.0.0", 8), prefix("10.102.0.0", 16),
		    (struct intent_match){.protocol = PROTOCOL_ANY, .dscp_mask = 1ull << 10});
	path_simple(&paths[4], prefix("10.101.0.0", 16), prefix("10.104.0.0", 16),
		    (struct intent_match){.protocol = PROTOCOL_ANY});
	paths[4].near[1] = prefix("fd01::", 64);
	paths[4].far[1] = prefix("fd04::", 64);
	paths[4].near_count = paths[4].far_count = 2;
	path_simple(&paths[5], prefix("10.101.9.0", 24), prefix("10.102.0.0", 16),
		    (struct intent_match){.protocol = PROTOCOL_TCP});
	paths[1].class = paths[3].class = 1;
	paths[1].far_lan_mtu = 1400;
	paths[2].class = paths[4].class = 2;
	paths[1].when_down = paths[4].when_down = paths[5].when_down = WHEN_DOWN_BLOCK;
}

const struct ruleset *corpus_rules(int moved)
{
	static struct intent_path paths[PATHS];
	const struct ruleset_claim claims[PATHS] = {
		{&paths[0], moved ? PATH_A + 1 : PATH_A, false},
		{&paths[1], PATH_B, false},
		{&paths[2], PATH_C, false},
		{&paths[3], PATH_D, false},
		{&paths[4], PATH_E, true},
		{&paths[5], PATH_F, true},
	};
	const struct ruleset *rules = NULL;
	size_t bytes;
	void *memory;

	paths_make(paths);
	if (moved)
		paths[0].class = 2;
	bytes = ruleset_bytes(claims, PATHS) * 4;
	memory = malloc(bytes);
	if (!memory || ruleset_build(memory, bytes, claims, PATHS, &rules)) {
		fprintf(stderr, "corpus rules do not compile\n");
		exit(1);
	}
	return rules;
}

void corpus_port(struct classify_port *port, uint8_t role)
{
	memset(port, 0, sizeof(*port));
	memcpy(port->mac, packet_port_mac, 6);
	port->role = role ? role : CLASSIFY_LAN;
	port->udp_base = CORPUS_UDP_BASE;
	port->udp_count = CORPUS_LANES;
	inet_pton(AF_INET, "10.200.0.1", port->local4);
	inet_pton(AF_INET6, "fd00:200::1", port->local6);
}

static uint64_t random_next(uint64_t *seed)
{
	uint64_t x = *seed += 0x9e3779b97f4a7c15ull;

	x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9ull;
	x = (x ^ x >> 27) * 0x94d049bb133111ebull;
	return x ^ x >> 31;
}

void corpus_mutate(uint64_t *seed, struct corpus_mutant *mutant)
{
	const struct corpus_case *from = &corpus[random_next(seed) % corpus_count];
	uint32_t changes = (uint32_t)(random_next(seed) % 5);

	mutant->len = packet_build(&from->spec, mutant->frame);
	mutant->role = from->role ? from->role : CLASSIFY_LAN;
	while (changes--) {
		/* Mostly behind the MAC address: past it nothing is looked at. */
		uint32_t at = 12 + (uint32_t)(random_next(seed) % 80);

		mutant->frame[at] = (uint8_t)random_next(seed);
	}
	if (random_next(seed) % 8 == 0)
		mutant->len = 1 + (uint32_t)(random_next(seed) % mutant->len);
	if (random_next(seed) % 16 == 0)
		mutant->role = mutant->role == CLASSIFY_LAN ? CLASSIFY_WAN : CLASSIFY_LAN;
}

uint64_t corpus_random_seed(void)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}
