/*
 * libsrtp behind a pipe: an SRTP implementation that is not ours, for tests. Reads commands, one a line, and answers each with
 * a line. Contexts are numbered 0 to 63; bytes are hexadecimal.
 *
 *   open <n> in|out <suite> <key and salt> [<mki> [<key and salt> <mki>]...]    ok | err <status>
 *   rtp <n> <packet>, rtcp <n> <packet>        the packet protected (out) or unprotected (in) | err <status>
 *   roc <n> <ssrc> <rollover counter>          ok | err <status>
 */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <srtp2/srtp.h>

#define CONTEXTS 64
#define KEYS 8
#define LINE 70000

struct context {
    srtp_t session;
    int out;
    int mki;
};

static struct context contexts[CONTEXTS];
static char line[LINE];

struct suite {
    const char *name;
    void (*rtp)(srtp_crypto_policy_t *);
    void (*rtcp)(srtp_crypto_policy_t *);
};

/* The macro of srtp.h as a function. */
static void aes_cm_128_80(srtp_crypto_policy_t *policy)
{
    srtp_crypto_policy_set_rtp_default(policy);
}

static const struct suite suites[] = {
    { "AES_CM_128_HMAC_SHA1_80", aes_cm_128_80, aes_cm_128_80 },
    { "AES_CM_128_HMAC_SHA1_32", srtp_crypto_policy_set_aes_cm_128_hmac_sha1_32, aes_cm_128_80 },
    { "AES_192_CM_HMAC_SHA1_80", srtp_crypto_policy_set_aes_cm_192_hmac_sha1_80,
      srtp_crypto_policy_set_aes_cm_192_hmac_sha1_80 },
    { "AES_192_CM_HMAC_SHA1_32", srtp_crypto_policy_set_aes_cm_192_hmac_sha1_32,
      srtp_crypto_policy_set_aes_cm_192_hmac_sha1_80 },
    { "AES_256_CM_HMAC_SHA1_80", srtp_crypto_policy_set_aes_cm_256_hmac_sha1_80,
      srtp_crypto_policy_set_aes_cm_256_hmac_sha1_80 },
    { "AES_256_CM_HMAC_SHA1_32", srtp_crypto_policy_set_aes_cm_256_hmac_sha1_32,
      srtp_crypto_policy_set_aes_cm_256_hmac_sha1_80 },
    { "AEAD_AES_128_GCM", srtp_crypto_policy_set_aes_gcm_128_16_auth,
      srtp_crypto_policy_set_aes_gcm_128_16_auth },
    { "AEAD_AES_256_GCM", srtp_crypto_policy_set_aes_gcm_256_16_auth,
      srtp_crypto_policy_set_aes_gcm_256_16_auth },
};

static int nibble(int c)
{
    return isdigit(c) ? c - '0' : tolower(c) - 'a' + 10;
}

/* Reads bytes; how many there are, or -1. */
static int bytes(const char *text, unsigned char *out, int room)
{
    int n = 0;
    if (text == NULL)
        return -1;
    for (; isxdigit((unsigned char)text[0]) && isxdigit((unsigned char)text[1]); text += 2) {
        if (n == room)
            return -1;
        out[n++] = (unsigned char)(nibble(text[0]) << 4 | nibble(text[1]));
    }
    return n;
}

static void say(int status)
{
    if (status == 0)
        puts("ok");
    else
        printf("err %d\n", status);
}

static void open_context(struct context *context)
{
    static unsigned char key[KEYS][64], mki[KEYS][128];
    static srtp_master_key_t masters[KEYS], *list[KEYS];
    srtp_policy_t policy;
    const struct suite *suite = NULL;
    const char *direction = strtok(NULL, " \n"), *name = strtok(NULL, " \n"), *word;
    unsigned n = 0;

    memset(&policy, 0, sizeof policy);
    for (size_t i = 0; name != NULL && i < sizeof suites / sizeof suites[0]; i++)
        if (strcmp(suites[i].name, name) == 0)
            suite = &suites[i];
    if (suite == NULL) {
        say(-1);
        return;
    }
    suite->rtp(&policy.rtp);
    suite->rtcp(&policy.rtcp);
    context->mki = 0;
    while (n < KEYS && (word = strtok(NULL, " \n")) != NULL) {
        bytes(word, key[n], sizeof key[n]);
        masters[n].key = key[n];
        masters[n].mki_id = mki[n];
        masters[n].mki_size = 0;
        list[n] = &masters[n];
        if ((word = strtok(NULL, " \n")) != NULL) {
            masters[n].mki_size = (unsigned)bytes(word, mki[n], sizeof mki[n]);
            context->mki = 1;
        }
        n++;
    }
    context->out = direction[0] == 'o';
    policy.ssrc.type = context->out ? ssrc_any_outbound : ssrc_any_inbound;
    policy.window_size = 128;
    if (context->mki) {
        policy.keys = list;
        policy.num_master_keys = n;
    } else {
        policy.key = key[0];
    }
    if (context->session != NULL)
        srtp_dealloc(context->session);
    context->session = NULL;
    say(srtp_create(&context->session, &policy));
}

static void packet(struct context *context, int rtcp)
{
    static unsigned char buffer[LINE];
    int length = bytes(strtok(NULL, " \n"), buffer, LINE / 2 - SRTP_MAX_TRAILER_LEN - 256);
    srtp_err_status_t status;

    if (length < 0 || context->session == NULL) {
        say(-1);
        return;
    }
    if (context->out)
        status = rtcp ? srtp_protect_rtcp_mki(context->session, buffer, &length, (unsigned)context->mki, 0)
                      : srtp_protect_mki(context->session, buffer, &length, (unsigned)context->mki, 0);
    else
        status = rtcp ? srtp_unprotect_rtcp_mki(context->session, buffer, &length, (unsigned)context->mki)
                      : srtp_unprotect_mki(context->session, buffer, &length, (unsigned)context->mki);
    if (status != srtp_err_status_ok) {
        say(status);
        return;
    }
    for (int i = 0; i < length; i++)
        printf("%02x", buffer[i]);
    putchar('\n');
}

int main(void)
{
    if (srtp_init() != srtp_err_status_ok)
        return 1;
    while (fgets(line, sizeof line, stdin) != NULL) {
        const char *command = strtok(line, " \n"), *number = strtok(NULL, " \n");
        int n = number == NULL ? -1 : atoi(number);

        if (command == NULL || n < 0 || n >= CONTEXTS) {
            say(-1);
        } else if (strcmp(command, "open") == 0) {
            open_context(&contexts[n]);
        } else if (strcmp(command, "rtp") == 0) {
            packet(&contexts[n], 0);
        } else if (strcmp(command, "rtcp") == 0) {
            packet(&contexts[n], 1);
        } else if (strcmp(command, "roc") == 0) {
            const char *ssrc = strtok(NULL, " \n"), *roc = strtok(NULL, " \n");
            say(ssrc == NULL || roc == NULL
                    ? -1
                    : (int)srtp_set_stream_roc(contexts[n].session, (uint32_t)strtoul(ssrc, NULL, 10),
                                               (uint32_t)strtoul(roc, NULL, 10)));
        } else {
            say(-1);
        }
        fflush(stdout);
    }
    return 0;
}
