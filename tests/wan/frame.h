/*
 * The little that the emulator reads of a frame. Pure; any thread.
 */
#pragma once

#include <stdint.h>

/* DSCP of an IPv4 or IPv6 frame, behind at most two VLAN tags; 0 for everything else. */
uint8_t frame_dscp(const uint8_t *frame, uint32_t len_bytes);
/* Flips one bit, counted from the first bit behind the Ethernet header (byte 14). */
void frame_corrupt(uint8_t *frame, uint32_t len_bytes, int32_t bit);
