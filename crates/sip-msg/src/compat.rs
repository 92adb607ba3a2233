//! Conversions between this crate's views and rsip's typed headers, for code that wants those.
//!
//! rsip holds text only, IPv4 and names as hosts, fourteen methods and seven transports, and no URI headers; what it can't hold is
//! a [`CompatError`], never a silent change. Bytes from the network are read by [`parse`](crate::parse) first, always.

use bytes::Bytes;

use crate::header::HeaderId;
use crate::message::Message;
use crate::method::Method;
use crate::view::{NameAddr, Params, SipUri, Via, ViewError};
use crate::write::Writer;

/// What rsip's types can't hold.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CompatError {
    /// Octets that are no UTF-8.
    #[error("not UTF-8")]
    Text(#[from] std::str::Utf8Error),
    /// A method, transport or status that rsip has no name for.
    #[error("unknown to rsip: {0}")]
    Unknown(String),
    /// Header parts of a URI, which rsip drops.
    #[error("URI with headers")]
    UriHeaders,
    /// A URI that is no sip or sips URI, or a value that can't be read.
    #[error("unreadable: {0}")]
    Unreadable(#[from] ViewError),
}

fn text(bytes: &[u8]) -> Result<&str, CompatError> {
    Ok(std::str::from_utf8(bytes)?)
}

fn owned(bytes: &[u8]) -> Result<String, CompatError> {
    text(bytes).map(str::to_owned)
}

impl TryFrom<&Method> for rsip::Method {
    type Error = CompatError;

    fn try_from(method: &Method) -> Result<Self, CompatError> {
        // rsip takes any case; methods are case-sensitive.
        let found = Self::all()
            .into_iter()
            .find(|m| m.to_string().as_bytes() == method.as_bytes());
        found.ok_or_else(|| CompatError::Unknown(method.to_string()))
    }
}

impl From<&rsip::Method> for Method {
    fn from(method: &rsip::Method) -> Self {
        let name = method.to_string();
        Self::from_bytes(name.as_bytes()).unwrap_or(Self::Other(Bytes::from(name)))
    }
}

fn transport(name: &[u8]) -> Result<rsip::Transport, CompatError> {
    let found = rsip::Transport::all()
        .into_iter()
        .find(|t| t.to_string().as_bytes().eq_ignore_ascii_case(name));
    found.ok_or_else(|| CompatError::Unknown(String::from_utf8_lossy(name).into_owned()))
}

fn host_with_port(host: &[u8], port: Option<u16>) -> Result<rsip::HostWithPort, CompatError> {
    let host = match crate::view::address(host) {
        Some(ip) => rsip::Host::IpAddr(ip),
        None => rsip::Host::Domain(owned(host)?.into()),
    };
    Ok(rsip::HostWithPort {
        host,
        port: port.map(Into::into),
    })
}

fn params(params: Params<'_>) -> Result<Vec<rsip::Param>, CompatError> {
    params
        .iter()
        .map(|(name, value)| {
            let (name, value) = (text(name)?, value.map(text).transpose()?);
            rsip::Param::try_from((name, value)).map_err(|e| CompatError::Unknown(e.to_string()))
        })
        .collect()
}

impl TryFrom<&SipUri<'_>> for rsip::Uri {
    type Error = CompatError;

    fn try_from(uri: &SipUri<'_>) -> Result<Self, CompatError> {
        if uri.headers.is_some() {
            return Err(CompatError::UriHeaders);
        }
        let auth = match uri.user {
            Some(user) => Some(rsip::Auth {
                user: owned(user)?,
                password: uri.password.map(owned).transpose()?,
            }),
            None => None,
        };
        Ok(Self {
            scheme: Some(if uri.secure {
                rsip::Scheme::Sips
            } else {
                rsip::Scheme::Sip
            }),
            auth,
            host_with_port: host_with_port(uri.host, uri.port)?,
            params: params(uri.params)?,
            headers: Vec::new(),
        })
    }
}

impl TryFrom<&Via<'_>> for rsip::typed::Via {
    type Error = CompatError;

    fn try_from(via: &Via<'_>) -> Result<Self, CompatError> {
        let host_with_port = host_with_port(via.host, via.port)?;
        Ok(Self {
            version: rsip::Version::V2,
            transport: transport(via.transport)?,
            uri: rsip::Uri {
                host_with_port,
                ..rsip::Uri::default()
            },
            params: params(via.params)?,
        })
    }
}

macro_rules! name_addr {
    ($($typed:ident),*) => {
        $(impl TryFrom<&NameAddr<'_>> for rsip::typed::$typed {
            type Error = CompatError;

            fn try_from(address: &NameAddr<'_>) -> Result<Self, CompatError> {
                Ok(Self {
                    display_name: address.display_unescaped().map(|d| owned(&d)).transpose()?,
                    uri: rsip::Uri::try_from(&SipUri::parse(address.uri)?)?,
                    params: params(address.params)?,
                })
            }
        })*
    };
}

name_addr!(From, To, Contact);

impl TryFrom<&Message> for rsip::SipMessage {
    type Error = CompatError;

    /// Folds become blanks, compact names long ones; the body stays as it is.
    fn try_from(message: &Message) -> Result<Self, CompatError> {
        let mut headers = rsip::Headers::default();
        for line in message.headers() {
            let mut value = Vec::with_capacity(line.value.len());
            if crate::write::unfold(&mut value, line.value) {
                headers.push(header(line.id, line.name, &value)?);
            }
        }
        let body = message.body().to_vec();
        let version = rsip::Version::V2;
        Ok(match (message.method(), message.status()) {
            (Some(method), _) => Self::Request(rsip::Request {
                method: method.try_into()?,
                uri: rsip::Uri::try_from(&SipUri::parse(message.uri())?)?,
                version,
                headers,
                body,
            }),
            (None, status) => {
                let status_code = rsip::StatusCode::from(status.unwrap_or_default());
                Self::Response(rsip::Response {
                    status_code,
                    version,
                    headers,
                    body,
                })
            }
        })
    }
}

macro_rules! headers {
    ($($id:ident),* $(,)?) => {
        /// One header line for rsip, by its long name.
        fn header(id: HeaderId, name: &[u8], value: &[u8]) -> Result<rsip::Header, CompatError> {
            use rsip::headers::UntypedHeader as _;
            let value = owned(value)?;
            #[allow(clippy::wildcard_enum_match_arm, reason = "what rsip has no type for goes by its name")]
            Ok(match id {
                $(HeaderId::$id => rsip::Header::$id(rsip::headers::$id::new(value)),)*
                HeaderId::Other => rsip::Header::Other(owned(name)?, value),
                named => rsip::Header::Other(named.name().to_owned(), value),
            })
        }
    };
}

headers! {
    Accept, AcceptEncoding, AcceptLanguage, AlertInfo, Allow, AuthenticationInfo, Authorization, CSeq, CallId, CallInfo, Contact,
    ContentDisposition, ContentEncoding, ContentLanguage, ContentLength, ContentType, Date, ErrorInfo, Event, Expires, From, InReplyTo,
    MaxForwards, MimeVersion, MinExpires, Organization, Priority, ProxyAuthenticate, ProxyAuthorization, ProxyRequire, RecordRoute,
    ReplyTo, Require, RetryAfter, Route, Server, Subject, SubscriptionState, Supported, Timestamp, To, Unsupported, UserAgent, Via,
    Warning, WwwAuthenticate,
}

/// A request built with rsip, as octets: through [`Writer`], so that the body stays as it is and Content-Length is right.
pub fn write_request(request: &rsip::Request) -> Bytes {
    let writer = Writer::request(&Method::from(&request.method), uri_text(&request.uri).as_bytes());
    finish(writer, &request.headers, &request.body)
}

/// A response built with rsip, as octets.
pub fn write_response(response: &rsip::Response) -> Bytes {
    let code = response.status_code.code();
    let reason = match &response.status_code {
        rsip::StatusCode::Other(_, reason) => reason,
        _ => crate::status_reason(code),
    };
    finish(Writer::response(code, reason), &response.headers, &response.body)
}

fn finish(mut writer: Writer, headers: &rsip::Headers, body: &[u8]) -> Bytes {
    for header in headers.iter() {
        let line = header.to_string();
        if let Some((name, value)) = line.split_once(':') {
            writer.named(name.trim().as_bytes(), value.trim().as_bytes());
        }
    }
    if body.is_empty() {
        writer.finish()
    } else {
        writer.finish_with(b"", body)
    }
}

/// rsip writes IPv6 hosts without brackets.
fn uri_text(uri: &rsip::Uri) -> String {
    match uri.host_with_port.host {
        rsip::Host::IpAddr(std::net::IpAddr::V6(ip)) => {
            let bracketed = rsip::Uri {
                host_with_port: rsip::HostWithPort {
                    host: rsip::Host::Domain(format!("[{ip}]").into()),
                    port: uri.host_with_port.port,
                },
                ..uri.clone()
            };
            bracketed.to_string()
        }
        rsip::Host::IpAddr(_) | rsip::Host::Domain(_) => uri.to_string(),
    }
}
