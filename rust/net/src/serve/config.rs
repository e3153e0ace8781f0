//! A configuration file, checked, as the server's settings. Errors name the line and the key.

use std::collections::HashMap;
use std::fmt;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::ops::Range;
use std::path::PathBuf;
use std::time::Duration;

use sagewire_core::sigv4::Credentials;
use toml::Spanned;

use super::schema;
use crate::server::{
    Changeable, Component, ContainerAddress, Endpoint, Known, Limits, Location, QueueSettings,
    S3Settings, StorageSettings, Target, Variant,
};

/// The longest time that a setting may name: a day.
const MAX_SECONDS: f64 = 86_400.0;
/// What an endpoint with one variant calls it, in the console and in the SDK.
const ONLY_VARIANT: &str = "AllTraffic";
const NAME_ALLOWED: &str = "1 to 63 letters, digits and hyphens, no hyphen first or last";
const URL_ALLOWED: &str = "http://host, with a port and a path if needed, or null:";

/// A configuration file that cannot be used: where, what was wrong, what is allowed.
///
/// It never holds a secret: neither values nor lines of the file are repeated, but for names and
/// URLs of containers.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {key}: {problem}; allowed: {allowed}")]
pub struct ConfigError {
    /// Counted from 1.
    pub line: usize,
    /// The key, as far as it is known.
    pub key: String,
    /// What was wrong.
    pub problem: String,
    /// What would have been right.
    pub allowed: String,
}

/// A configuration file, checked.
#[derive(Debug)]
pub struct Config {
    /// The endpoints, and who may call them.
    pub changeable: Changeable,
    /// Where to listen.
    pub listen: SocketAddr,
    /// Where to answer about health and metrics, if anywhere.
    pub admin: Option<SocketAddr>,
    /// The region that signatures must be for.
    pub region: String,
    /// How many threads serve connections.
    pub threads: usize,
    /// Where a line for each call goes: a file, or `-` for standard error.
    pub access_log: Option<PathBuf>,
    /// How long calls in flight may go on when the service is told to end.
    pub grace: Duration,
    /// How often containers are pinged.
    pub ping_every: Option<Duration>,
    /// The idle life of a session whose container named no end.
    pub session_seconds: i64,
    /// The certificate's and the key's file.
    pub tls: Option<(PathBuf, PathBuf)>,
    /// Where requests for later wait, if anywhere.
    pub queue: Option<QueueSettings>,
    /// What connections may take.
    pub limits: Limits,
    /// Python's `module:function` that knows more credentials.
    pub credentials_from: Option<String>,
}

impl Config {
    /// Reads a file's text. `environment` gives the values of variables that the file names, `clock`
    /// is the time of day since 1970.
    pub fn parse(
        text: &str,
        environment: impl Fn(&str) -> Option<String>,
        clock: fn() -> Duration,
    ) -> Result<Self, ConfigError> {
        let file: schema::File = toml::from_str(text).map_err(|error| broken(text, &error))?;
        Reader { text, environment: &environment, clock }.config(file)
    }
}

/// What is wrong with the file's form, without what stands in it.
fn broken(text: &str, error: &toml::de::Error) -> ConfigError {
    let (line, key) = error.span().map_or((1, String::new()), |span| place(text, &span));
    let secret = ["secret", "token"].iter().any(|word| key.contains(word));
    // The parser repeats a value of the wrong type.
    let problem = if secret { "it is not a text" } else { error.message() };
    ConfigError {
        line,
        key,
        problem: problem.trim_end().replace('\n', "; "),
        allowed: "what docs/serve.md lists".to_owned(),
    }
}

/// The line of a span, and the key that stands on it or the table that it is in.
fn place(text: &str, span: &Range<usize>) -> (usize, String) {
    let before = text.get(..span.start).unwrap_or(text);
    let number = before.matches('\n').count();
    let key_of = |line: &str| {
        let key = line.split('=').next().unwrap_or_default().trim();
        key.trim_matches(|edge| edge == '[' || edge == ']').to_owned()
    };
    let mut lines = text.lines().take(number + 1).collect::<Vec<_>>();
    let key = lines.pop().map(key_of).unwrap_or_default();
    let table = lines.iter().rev().find(|line| line.trim_start().starts_with('['));
    let name = match table {
        Some(table) if !text.lines().nth(number).is_some_and(|line| line.starts_with('[')) => {
            format!("{}.{key}", key_of(table))
        }
        _ => key,
    };
    (number + 1, name)
}

/// Keys as they stand in the file: a secret or a variable's name, a token or a variable's name.
struct Keys<'a> {
    access_key_id: &'a Spanned<String>,
    secret: (Option<&'a Spanned<String>>, Option<&'a Spanned<String>>),
    token: (Option<&'a String>, Option<&'a Spanned<String>>),
}

/// Turns what stands in the file into settings.
struct Reader<'a> {
    text: &'a str,
    environment: &'a dyn Fn(&str) -> Option<String>,
    clock: fn() -> Duration,
}

impl Reader<'_> {
    fn error<T>(
        &self,
        value: &Spanned<T>,
        problem: impl fmt::Display,
        allowed: &str,
    ) -> ConfigError {
        let (line, key) = place(self.text, &value.span());
        ConfigError { line, key, problem: problem.to_string(), allowed: allowed.to_owned() }
    }

    fn config(&self, file: schema::File) -> Result<Config, ConfigError> {
        let schema::File { server, admin, tls, limits, credentials, queue, endpoints } = file;
        let address = self.address(server.address.as_ref())?;
        let no_auth = server.no_auth.as_ref().filter(|value| *value.get_ref());
        if let Some(no_auth) = no_auth
            && !address.is_loopback()
        {
            let problem = format!("calls to {address} would need no signature");
            return Err(self.error(no_auth, problem, "true on a loopback address only"));
        }
        if no_auth.is_none() && credentials.is_empty() && server.credentials_from.is_none() {
            let problem = "nobody could call it";
            let allowed = "[[credentials]], server.credentials_from, or server.no_auth = true";
            return Err(self.error(&endpoints, problem, allowed));
        }
        let known = match no_auth {
            Some(_) => None,
            None => Some(credentials.iter().map(|one| self.known(one)).collect::<Result<_, _>>()?),
        };
        if endpoints.get_ref().is_empty() {
            return Err(self.error(&endpoints, "there is none", "at least one [endpoints.NAME]"));
        }
        let ping = self.seconds(server.ping_seconds.as_ref(), 0.0, 5.0)?;
        let admin = admin.map(|admin| {
            self.address(admin.address.as_ref()).map(|address| SocketAddr::new(address, admin.port))
        });
        Ok(Config {
            changeable: Changeable {
                tls: None,
                endpoints: self.endpoints(endpoints.get_ref())?,
                known,
            },
            listen: SocketAddr::new(address, server.port.unwrap_or(8080)),
            admin: admin.transpose()?,
            region: self.region(server.region.as_ref())?,
            threads: self.count(server.threads.as_ref(), 1, 1, 1024)?,
            access_log: server.access_log.map(PathBuf::from),
            grace: self.seconds(server.grace_seconds.as_ref(), 0.0, 30.0)?,
            ping_every: (!ping.is_zero()).then_some(ping),
            session_seconds: i64::try_from(
                self.seconds(server.session_seconds.as_ref(), 1.0, 3600.0)?.as_secs(),
            )
            .unwrap_or(i64::MAX),
            tls: tls.map(|tls| (tls.certificate.into_inner().into(), tls.key.into_inner().into())),
            queue: queue.map(|queue| self.queue(&queue)).transpose()?,
            limits: self.limits(&limits)?,
            credentials_from: server.credentials_from.map(Spanned::into_inner),
        })
    }

    fn address(&self, given: Option<&Spanned<String>>) -> Result<IpAddr, ConfigError> {
        let Some(given) = given else { return Ok(Ipv4Addr::LOCALHOST.into()) };
        match given.get_ref().as_str() {
            "localhost" => Ok(Ipv4Addr::LOCALHOST.into()),
            text => text.parse().map_err(|_no_address| {
                self.error(given, format!("{text:?} is no address"), "an IP address, or localhost")
            }),
        }
    }

    fn region(&self, given: Option<&Spanned<String>>) -> Result<String, ConfigError> {
        let Some(given) = given else { return Ok("us-east-1".to_owned()) };
        let text = given.get_ref();
        let sound = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        if text.is_empty() || !text.bytes().all(sound) {
            let problem = format!("{text:?} is no region");
            return Err(self.error(given, problem, "lower-case letters, digits and hyphens"));
        }
        Ok(text.clone())
    }

    fn seconds(
        &self,
        given: Option<&Spanned<f64>>,
        least: f64,
        usual: f64,
    ) -> Result<Duration, ConfigError> {
        let Some(given) = given else { return Ok(Duration::from_secs_f64(usual)) };
        let value = *given.get_ref();
        if (least..=MAX_SECONDS).contains(&value) {
            return Ok(Duration::from_secs_f64(value));
        }
        let allowed = format!("{least} to {MAX_SECONDS} seconds");
        Err(self.error(given, format!("{value} is out of range"), &allowed))
    }

    fn count(
        &self,
        given: Option<&Spanned<usize>>,
        usual: usize,
        least: usize,
        most: usize,
    ) -> Result<usize, ConfigError> {
        let Some(given) = given else { return Ok(usual) };
        let value = *given.get_ref();
        if (least..=most).contains(&value) {
            return Ok(value);
        }
        let problem = format!("{value} is out of range");
        Err(self.error(given, problem, &format!("{least} to {most}")))
    }

    fn limits(&self, given: &schema::Limits) -> Result<Limits, ConfigError> {
        let usual = Limits::default();
        let seconds = |given: Option<&Spanned<f64>>, usual: Duration| {
            self.seconds(given, 0.001, usual.as_secs_f64())
        };
        Ok(Limits {
            max_body_bytes: self.count(
                given.body_bytes.as_ref(),
                usual.max_body_bytes,
                0,
                2_147_483_647,
            )?,
            max_head_bytes: self.count(
                given.head_bytes.as_ref(),
                usual.max_head_bytes,
                1024,
                1_048_576,
            )?,
            head_timeout: seconds(given.head_seconds.as_ref(), usual.head_timeout)?,
            body_timeout: seconds(given.body_seconds.as_ref(), usual.body_timeout)?,
            max_connections: self.count(
                given.connections.as_ref(),
                usual.max_connections,
                1,
                1_000_000,
            )?,
        })
    }

    fn known(&self, given: &schema::Credentials) -> Result<Known, ConfigError> {
        let keys = Keys {
            access_key_id: &given.access_key_id,
            secret: (given.secret_access_key.as_ref(), given.secret_access_key_env.as_ref()),
            token: (given.session_token.as_ref(), given.session_token_env.as_ref()),
        };
        Ok(Known {
            credentials: self.credentials(&keys)?,
            endpoints: given.endpoints.clone().unwrap_or_else(|| vec!["*".to_owned()]),
        })
    }

    fn credentials(&self, given: &Keys<'_>) -> Result<Credentials, ConfigError> {
        let id = given.access_key_id;
        let sound = |byte: u8| byte.is_ascii_graphic() && byte != b'/';
        if id.get_ref().is_empty() || !id.get_ref().bytes().all(sound) {
            return Err(self.error(id, "it is no access key id", "visible ASCII without slashes"));
        }
        let from_environment = |name: &Spanned<String>| {
            let missing = format!("the variable {:?} is not set", name.get_ref());
            (self.environment)(name.get_ref())
                .ok_or_else(|| self.error(name, missing, "a variable of the environment"))
        };
        let secret = match given.secret {
            (Some(secret), None) => secret.get_ref().clone(),
            (None, Some(name)) => from_environment(name)?,
            (_, _) => {
                let allowed = "secret_access_key or secret_access_key_env";
                return Err(self.error(id, "it needs one secret", allowed));
            }
        };
        if secret.is_empty() {
            return Err(self.error(id, "its secret is empty", "a secret"));
        }
        let token = match given.token {
            (token, None) => token.cloned(),
            (None, Some(name)) => Some(from_environment(name)?),
            (Some(_), Some(name)) => {
                let allowed = "session_token or session_token_env";
                return Err(self.error(name, "it has two tokens", allowed));
            }
        };
        Ok(Credentials {
            access_key_id: id.get_ref().clone(),
            secret_access_key: secret,
            token,
            expires_at: None,
        })
    }

    fn queue(&self, given: &schema::Queue) -> Result<QueueSettings, ConfigError> {
        let prefix = |place: &Spanned<String>| {
            let problem = format!("{:?} is no place in S3", place.get_ref());
            Location::parse_prefix(place.get_ref())
                .ok_or_else(|| self.error(place, problem, "s3://bucket/prefix"))
        };
        let storage = match (&given.folder, &given.s3) {
            (Some(folder), None) => StorageSettings::Folder(folder.into()),
            (None, Some(s3)) => StorageSettings::S3(self.s3(s3)?),
            (_, _) => {
                let problem = "objects need one place";
                return Err(self.error(&given.database, problem, "queue.folder or [queue.s3]"));
            }
        };
        Ok(QueueSettings {
            database: Some(given.database.get_ref().into()),
            storage,
            output: prefix(&given.output)?,
            failure: prefix(&given.failure)?,
            workers: self.count(given.workers.as_ref(), 4, 1, 1024)?,
        })
    }

    fn s3(&self, given: &schema::S3) -> Result<S3Settings, ConfigError> {
        let keys = Keys {
            access_key_id: &given.access_key_id,
            secret: (given.secret_access_key.as_ref(), given.secret_access_key_env.as_ref()),
            token: (given.session_token.as_ref(), given.session_token_env.as_ref()),
        };
        let settings = S3Settings {
            endpoint: given.endpoint.get_ref().clone(),
            region: self.region(given.region.as_ref())?,
            credentials: self.credentials(&keys)?,
            ca_bundle: given.ca_bundle.clone(),
            clock: self.clock,
        };
        if !settings.is_sound() {
            let problem = format!("{:?} is no endpoint of S3", settings.endpoint);
            return Err(self.error(&given.endpoint, problem, "https://host or http://host"));
        }
        Ok(settings)
    }

    fn endpoints<'a>(
        &self,
        given: impl IntoIterator<Item = (&'a Spanned<String>, &'a schema::Endpoint)>,
    ) -> Result<HashMap<String, Endpoint>, ConfigError> {
        let named = |(name, endpoint): (&Spanned<String>, &schema::Endpoint)| {
            Ok((self.name(name)?, self.endpoint(name, endpoint)?))
        };
        given.into_iter().map(named).collect()
    }

    fn endpoint(
        &self,
        name: &Spanned<String>,
        given: &schema::Endpoint,
    ) -> Result<Endpoint, ConfigError> {
        let variants = match (&given.url, &given.variants) {
            (Some(url), None) => vec![Variant {
                name: ONLY_VARIANT.to_owned(),
                weight: 1.0,
                target: match self.container(url, None)? {
                    None => Target::Null,
                    Some(container) => Target::Containers(vec![container]),
                },
            }],
            (None, Some(variants)) if !variants.is_empty() => {
                let variants = variants.iter().map(|variant| self.variant(variant));
                variants.collect::<Result<_, _>>()?
            }
            (_, _) => {
                let allowed = "a url, or one or more [[endpoints.NAME.variants]]";
                return Err(self.error(name, "nobody answers for it", allowed));
            }
        };
        for (place, variant) in variants.iter().enumerate() {
            if variants[..place].iter().any(|other: &Variant| other.name == variant.name) {
                let problem = format!("two variants are named {:?}", variant.name);
                return Err(self.error(name, problem, "a name for each"));
            }
        }
        let components = given.components.iter().map(|component| {
            Ok(Component {
                name: self.name(&component.name)?,
                containers: self.containers(&component.containers)?.ok_or_else(|| {
                    self.error(&component.containers, "null: is no container", URL_ALLOWED)
                })?,
            })
        });
        Ok(Endpoint {
            components: components.collect::<Result<_, _>>()?,
            models_folder: given.models_folder.as_ref().map(|folder| folder.get_ref().clone()),
            model_timeout: self.seconds(given.model_seconds.as_ref(), 0.001, 60.0)?,
            stream_timeout: self.seconds(given.stream_seconds.as_ref(), 0.001, 480.0)?,
            variants,
        })
    }

    fn variant(&self, given: &schema::Variant) -> Result<Variant, ConfigError> {
        let weight = given.weight.as_ref().map_or(1.0, |weight| *weight.get_ref());
        if let Some(given) = &given.weight
            && !(0.0..=1e9).contains(&weight)
        {
            return Err(self.error(given, format!("{weight} is no weight"), "0 or more"));
        }
        let containers = self.containers(&given.containers)?;
        let target = containers.map_or(Target::Null, Target::Containers);
        Ok(Variant { name: self.name(&given.name)?, weight, target })
    }

    /// The containers; `None` for `null:`.
    fn containers(
        &self,
        given: &Spanned<Vec<schema::Container>>,
    ) -> Result<Option<Vec<ContainerAddress>>, ConfigError> {
        let mut found = Vec::new();
        for container in given.get_ref() {
            match self.container(&container.url, container.hostname.as_ref())? {
                Some(address) => found.push(address),
                None if given.get_ref().len() == 1 => return Ok(None),
                None => {
                    let problem = "null: cannot stand beside containers";
                    return Err(self.error(&container.url, problem, URL_ALLOWED));
                }
            }
        }
        if found.is_empty() {
            return Err(self.error(given, "there is none", "one or more"));
        }
        Ok(Some(found))
    }

    /// A container; `None` for `null:`.
    fn container(
        &self,
        url: &Spanned<String>,
        hostname: Option<&Spanned<String>>,
    ) -> Result<Option<ContainerAddress>, ConfigError> {
        let text = url.get_ref();
        if text == "null:" {
            return Ok(None);
        }
        let problem = || self.error(url, format!("{text:?} is no URL of a container"), URL_ALLOWED);
        let parsed: hyper::Uri = text.parse().map_err(|_no_uri| problem())?;
        let host = parsed.host().filter(|_| parsed.scheme_str() == Some("http"));
        let host = host.ok_or_else(problem)?;
        let sound = parsed.query().is_none()
            && parsed.authority().is_some_and(|authority| !authority.as_str().contains('@'));
        if !sound || host.is_empty() || text.contains('#') {
            return Err(problem());
        }
        Ok(Some(ContainerAddress {
            host: host.trim_matches(|edge| edge == '[' || edge == ']').to_owned(),
            port: parsed.port_u16().unwrap_or(80),
            path: format!("{}/invocations", parsed.path().trim_end_matches('/')),
            hostname: hostname.map(|hostname| self.name(hostname)).transpose()?,
        }))
    }

    fn name(&self, given: &Spanned<String>) -> Result<String, ConfigError> {
        let text = given.get_ref();
        let edges = [text.bytes().next(), text.bytes().last()];
        let sound = text.len() <= 63
            && edges.iter().all(|edge| edge.is_some_and(|byte| byte.is_ascii_alphanumeric()))
            && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
        if sound {
            return Ok(text.clone());
        }
        Err(self.error(given, format!("{text:?} is no name"), NAME_ALLOWED))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LEAST: &str = "[endpoints.e]\nurl = \"http://h\"\n[[credentials]]\naccess_key_id = \"A\"\nsecret_access_key = \"S3CRET\"\n";

    fn parsed(text: &str) -> Result<Config, ConfigError> {
        let environment = |name: &str| (name == "SET").then(|| "from outside".to_owned());
        Config::parse(text, environment, || Duration::ZERO)
    }

    #[test]
    fn the_least_file() {
        let config = parsed(LEAST).unwrap();
        assert_eq!(config.listen.to_string(), "127.0.0.1:8080");
        let known = config.changeable.known.unwrap();
        assert_eq!(known[0].credentials.secret_access_key, "S3CRET");
        assert_eq!(known[0].endpoints, ["*"]);
        let variants = &config.changeable.endpoints["e"].variants;
        let [Variant { name, target: Target::Containers(containers), .. }] = variants.as_slice()
        else {
            panic!("{variants:?}")
        };
        assert_eq!((name.as_str(), containers[0].path.as_str()), ("AllTraffic", "/invocations"));
        assert_eq!((containers[0].host.as_str(), containers[0].port), ("h", 80));
    }

    #[test]
    fn errors_name_line_and_key_and_no_secret() {
        for (old, new, line, key) in [
            ("url = \"http://h\"", "url = \"ftp://h\"", 2, "endpoints.e.url"),
            ("url = \"http://h\"", "url = 5", 2, "endpoints.e.url"),
            ("url = \"http://h\"", "urls = 5", 2, "endpoints.e.urls"),
            ("url = \"http://h\"", "model_seconds = 5", 1, "endpoints.e"),
            ("[endpoints.e]", "[endpoints.-e]", 1, "endpoints.-e"),
            ("\"S3CRET\"", "53", 5, "credentials.secret_access_key"),
            ("\"S3CRET\"", "\"S3CRET", 5, "credentials.secret_access_key"),
            (
                "secret_access_key = \"S3CRET\"",
                "secret_access_key_env = \"UNSET\"",
                5,
                "credentials.secret_access_key_env",
            ),
            ("secret_access_key = \"S3CRET\"", "", 4, "credentials.access_key_id"),
            ("[endpoints.e]", "server.port = 70000\n[endpoints.e]", 1, "server.port"),
            ("[endpoints.e]", "[server]\nthreads = 0\n[endpoints.e]", 2, "server.threads"),
            (
                "[endpoints.e]",
                "[server]\naddress = \"0.0.0.0\"\nno_auth = true\n[endpoints.e]",
                3,
                "server.no_auth",
            ),
        ] {
            let text = LEAST.replacen(old, new, 1);
            let error = parsed(&text).expect_err(&text);
            assert_eq!((error.line, error.key.as_str()), (line, key), "{error}");
            assert!(
                !error.to_string().contains("S3CRET") && !error.to_string().contains("53"),
                "{error}"
            );
        }
    }

    #[test]
    fn secrets_come_from_the_environment() {
        let text =
            LEAST.replace("secret_access_key = \"S3CRET\"", "secret_access_key_env = \"SET\"");
        let known = parsed(&text).unwrap().changeable.known.unwrap();
        assert_eq!(known[0].credentials.secret_access_key, "from outside");
        assert!(!format!("{known:?}").contains("from outside"));
    }

    #[test]
    fn nobody_could_call() {
        let text = "[endpoints.e]\nurl = \"null:\"\n";
        assert!(parsed(text).unwrap_err().to_string().contains("nobody could call it"));
        let open = format!("server.no_auth = true\n{text}");
        assert!(parsed(&open).unwrap().changeable.known.is_none());
    }
}
