//! Who authenticates to us, what registers with us, and where we register.

use super::Transport;
use crate::form::compound::{List, OneOrList, Opt, OrOff};
use crate::form::net::{Domain, TargetUri, split_target};
use crate::form::scalar::{Choice, Flag, Time, Whole, words};
use crate::form::secret::SecretForm;
use crate::form::text::{NumberPattern, Text};
use crate::section::section;
use crate::values::{Host, Pattern, Secret};
use std::time::Duration;

section! {
    /// Somebody who knows a password of ours: a phone, or a PBX that registers.
    User, label None, later [],
    {
        /// Its name: what it authenticates as, and the user of the address that it registers (`sip:alice@…`). No two users of the
        /// whole configuration have the same. Calls to this name go to it.
        live username: String = Text, required;
        /// Its password.
        live password: Secret = SecretForm, required;
        /// Numbers that are its own too: calls to them go to it, unless a `[[number]]` is longer. Of a pattern with `*` it gets the called number as
        /// it was dialled, as a PBX wants it; of others what it has registered.
        live numbers: Vec<Pattern> = List<NumberPattern>, default("[]");
    }
}

words! {
    /// Which requests of a trunk with `users` are challenged.
    Challenge {
        /// All that begin something (INVITE, REGISTER and others outside of a dialog).
        Always = "always",
        /// Those that do not come from its `sources`: who calls from there needs no password.
        Elsewhere = "elsewhere",
    } later []
}

section! {
    /// A registration of ours (RFC 3261 §10).
    Register, label None, later [],
    {
        /// The registrar.
        live uri: String = TargetUri, required;
        /// The name to authenticate with.
        live username: Option<String> = Opt<Text>, derived(None, "that of `auth`");
        /// The password.
        live password: Option<Secret> = Opt<SecretForm>, derived(None, "that of `auth`");
        /// The user of the address that is registered.
        live user: Option<String> = Opt<Text>, derived(None, "`username`");
        /// The host of the address that is registered.
        live domain: Option<String> = Opt<Domain>, derived(None, "the host of `uri`");
        /// The user of our Contact: the registrar's calls come to it.
        live contact: Option<String> = Opt<Text>, derived(None, "`user`");
        /// How long a registration is asked to last; the registrar may grant less.
        live expires: Duration = Time<10_000, 86_400_000>, default("'1h'");
        /// Whether calls go out to the trunk only while it is registered.
        live required: bool = Flag, default("false");
    }
    computed {
        /// Its host.
        host: Host = split_target(&uri).ok()?.host;
        /// Its port, when written.
        port: Option<u16> = split_target(&uri).ok()?.port;
        /// By which transport, when written; `sips:` says TLS.
        transport: Option<Transport> = split_target(&uri).ok()?.transport;
    }
}

section! {
    /// How users of trunks are asked for their passwords (RFC 7616, RFC 8760).
    Digest, label None, later [],
    {
        /// The realm of our challenges: phones show it, and some want it entered.
        live realm: Option<String> = Opt<Text>, derived(None, "`node.name`");
        /// What the challenges offer, in this order, each in a header of its own: the strongest first. Some phones give up at a
        /// challenge that they don't know instead of looking for one that they do; hence the default.
        live algorithms: Vec<DigestAlgorithm> = OneOrList<Choice<DigestAlgorithm>>, default("['MD5']");
        /// Whether the body may be protected too (`auth-int`): no ALG on the way may touch it then.
        live integrity: bool = Flag, default("false");
        /// How long an answer to a challenge may be used for further requests; then there is another challenge.
        live nonce_lifetime: Duration = Time<1_000, 86_400_000>, default("'5m'");
    }
}

words! {
    /// A hash.
    DigestAlgorithm {
        /// What every phone has.
        Md5 = "MD5",
        /// SHA-256 (RFC 8760).
        Sha256 = "SHA-256",
        /// SHA-512 cut to 256 bits (RFC 8760).
        Sha512Cut = "SHA-512-256",
    } later []
}

section! {
    /// The registrar for users of trunks (RFC 3261 §10.3).
    Registrar, label None, later [],
    {
        /// How long a registration lasts that asks for no time.
        live default_expires: Duration = Time<1_000, 86_400_000>, default("'1h'");
        /// The shortest that is taken: who asks for less gets 423 and this.
        live min_expires: Duration = Time<1_000, 3_600_000>, default("'60s'");
        /// The longest that is granted.
        live max_expires: Duration = Time<1_000, 604_800_000>, default("'2h'");
        /// Contacts of one user at once. One more takes the place of the one that was refreshed longest ago.
        live max_contacts: u16 = Whole<u16, 1, 100>, default("10");
        /// Contacts of all users at once; above it new ones get 503.
        live max_bindings: u32 = Whole<u32, 1, 1_000_000>, default("50000");
        /// How often something is sent to each contact, so that the NAT in front of it keeps its door open.
        live keepalive: Option<Duration> = OrOff<Time<1_000, 3_600_000>>, default("'off'");
        /// What is sent then.
        live keepalive_by: Keepalive = Choice<Keepalive>, default("'crlf'");
        /// How long a contact may ring before the next one of the same user does; the last one rings as long as `failover.answer` lets it.
        live ring: Duration = Time<1_000, 300_000>, default("'20s'");
    }
}

words! {
    /// What keeps a NAT's door open.
    Keepalive {
        /// An empty line (RFC 5626 §3.5.1): no answer is wanted.
        Crlf = "crlf",
        /// OPTIONS: a contact that does not answer is called last.
        Options = "options",
    } later []
}
