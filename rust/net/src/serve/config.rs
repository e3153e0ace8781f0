//! A configuration file, checked, as the server's settings. Errors name the line and the key.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use toml::Spanned;

use super::schema;
use super::values::{Reader, place};
use crate::server::{Changeable, Limits, QueueSettings};

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

impl Reader<'_> {
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
        if let Some(no_auth) = no_auth
            && (!credentials.is_empty() || server.credentials_from.is_some())
        {
            let problem = "nobody would look at the credentials that are given";
            return Err(self.error(no_auth, problem, "no_auth = true, or credentials"));
        }
        for (place, one) in credentials.iter().enumerate() {
            let id = &one.access_key_id;
            if credentials[..place]
                .iter()
                .any(|other| other.access_key_id.get_ref() == id.get_ref())
            {
                return Err(self.error(id, "it stands in the file twice", "each key once"));
            }
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
            send_timeout: seconds(given.send_seconds.as_ref(), usual.send_timeout)?,
            max_connections: self.count(
                given.connections.as_ref(),
                usual.max_connections,
                1,
                1_000_000,
            )?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::server::{Target, Variant};

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
