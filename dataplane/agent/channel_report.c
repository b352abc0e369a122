#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dataplane/agent/channel_internal.h"

#define REPORT_TIMEOUT_NS 5000000000ull

/* Was it taken? */
static bool report_ended(struct channel *channel, int error, int status)
{
	bool failed = error || status < 200 || status > 299;

	/* A lost connection is told once, by the stream. */
	if (failed && !channel->report_failed && error != -ECONNRESET) {
		if (error)
			channel_log("control %s: report failed: %s", channel->url,
				    strerror(-error));
		else
			channel_log("control %s: report refused with status %d", channel->url,
				    status);
	}
	channel->report_failed = failed && (channel->report_failed || error != -ECONNRESET);
	return !failed;
}

static int report_post(struct channel *channel);

/* Takes the newest one for the one to send. */
static int report_begin(struct channel *channel)
{
	free(channel->sent_report);
	channel->sent_report = channel->next_report;
	channel->next_report = NULL;
	channel->report_at = 0;
	return channel->sent_report && channel->state == CHANNEL_UP ? report_post(channel) : 0;
}

/* What follows a part that was not taken is of no use. */
static void on_report_close(struct h2_request *request, int error, void *arg)
{
	struct channel *channel = arg;
	bool is_taken = report_ended(channel, error, h2_request_status(request));

	channel->report = NULL;
	if (!is_taken || !channel->sent_report[channel->report_at] ||
	    channel->state != CHANNEL_UP || report_post(channel))
		report_begin(channel);
}

/* The next part: a line of the report. */
static int report_post(struct channel *channel)
{
	const char *part = channel->sent_report + channel->report_at;
	size_t len = strcspn(part, "\n");
	static const struct h2_header type = {"content-type", "application/json"};
	char path[256];
	struct h2_request_options options = {
		.method = "POST",
		.path = path,
		.headers = &type,
		.header_count = 1,
		.body = part,
		.body_len = len,
		.timeout_ns = REPORT_TIMEOUT_NS,
		.on_close = on_report_close,
		.arg = channel,
	};

	channel->report_at += len + (part[len] == '\n');
	snprintf(path, sizeof(path), "/v1/gateways/%s/report", channel->gateway);
	channel->report = h2_client_request(channel->client, &options);
	return channel->report ? 0 : -ENOMEM;
}

int channel_report(struct channel *channel, const char *json)
{
	char *copy;

	if (channel->destroyed || channel->state != CHANNEL_UP)
		return 0;
	copy = strdup(json);
	if (!copy)
		return -ENOMEM;
	free(channel->next_report);
	channel->next_report = copy;
	return channel->report ? 0 : report_begin(channel);
}

static void on_alive_close(struct h2_request *request, int error, void *arg)
{
	struct channel *channel = arg;

	(void)request;
	(void)error;
	channel->alive = NULL;
}

void channel_alive(struct channel *channel)
{
	char path[256];
	struct h2_request_options options = {
		.method = "POST",
		.path = path,
		.timeout_ns = REPORT_TIMEOUT_NS,
		.on_close = on_alive_close,
		.arg = channel,
	};

	if (!channel->destroyed)
		h2_client_check_crl(channel->client);
	if (channel->destroyed || channel->state != CHANNEL_UP || channel->report || channel->alive)
		return;
	snprintf(path, sizeof(path), "/v1/gateways/%s/alive", channel->gateway);
	channel->alive = h2_client_request(channel->client, &options);
}
