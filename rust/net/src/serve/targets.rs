//! Endpoints, variants and containers of a configuration file.

use std::collections::HashMap;

use toml::Spanned;

use super::config::ConfigError;
use super::schema;
use super::values::{Reader, without_password};
use crate::server::{Component, ContainerAddress, Endpoint, Target, Variant};

/// What an endpoint with one variant calls it, in the console and in the SDK.
const ONLY_VARIANT: &str = "AllTraffic";
const URL_ALLOWED: &str = "http://host, with a port and a path if needed, or null:";

impl Reader<'_> {
    pub(super) fn endpoints<'a>(
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
        let problem = || {
            let problem = format!("{:?} is no URL of a container", without_password(text));
            self.error(url, problem, URL_ALLOWED)
        };
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
}
