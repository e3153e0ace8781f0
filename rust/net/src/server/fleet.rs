//! The endpoints, their variants and containers, and the choice among them. Twin: `_pure/server/fleet.py`.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use hyper::header::HeaderValue;

use super::container::Container;
use super::random::{Random, mixed};
use super::settings;

/// Every endpoint by its name.
pub(super) type Fleet = HashMap<String, Endpoint>;

/// An endpoint that calls can be sent to.
pub(super) struct Endpoint {
    pub(super) variants: Vec<Variant>,
    pub(super) components: Vec<(String, Group)>,
    pub(super) models_folder: Option<String>,
    pub(super) model_timeout: Duration,
    pub(super) stream_timeout: Duration,
    /// The sum of the variants' weights.
    weight: f64,
}

/// A variant.
pub(super) struct Variant {
    pub(super) name: String,
    /// The name as a header's value.
    pub(super) header: HeaderValue,
    pub(super) target: Target,
    weight: f64,
}

/// Who answers.
pub(super) enum Target {
    Handler,
    Null,
    Containers(Group),
}

/// Containers that do the same.
pub(super) struct Group {
    pub(super) containers: Vec<Arc<Container>>,
}

/// What a call wants of the container that it is sent to.
#[derive(Clone, Copy, Default)]
pub(super) struct Wish<'a> {
    /// `TargetContainerHostname`.
    pub(super) hostname: Option<&'a str>,
    /// The container that the call's session lives in.
    pub(super) session: Option<&'a str>,
    /// `PrefixAwareId`.
    pub(super) prefix: Option<&'a [u8]>,
}

/// How a container is.
#[derive(Clone, Debug)]
pub struct ContainerState {
    /// The endpoint that it answers for.
    pub endpoint: String,
    /// Its host and port.
    pub container: String,
    /// Whether calls are sent to it.
    pub healthy: bool,
    /// How many requests it has not answered yet.
    pub in_flight: usize,
}

/// Makes a fleet. Containers are unhealthy until they have answered a ping, unless they are
/// `trusted`; those that `known` has already keep their connections, their health and their models.
pub(super) fn fleet(
    endpoints: &HashMap<String, settings::Endpoint>,
    trusted: bool,
    known: Option<&Fleet>,
) -> Fleet {
    let known = known.map(containers).unwrap_or_default();
    let group = |addresses: &[settings::ContainerAddress]| {
        let container = |address: &settings::ContainerAddress| {
            let same = known.iter().find(|container| container.address == *address);
            same.map_or_else(|| Arc::new(Container::new(address.clone(), trusted)), Arc::clone)
        };
        Group { containers: addresses.iter().map(container).collect() }
    };
    endpoints
        .iter()
        .map(|(name, endpoint)| {
            let variants = endpoint.variants.iter().map(|variant| Variant {
                name: variant.name.clone(),
                header: HeaderValue::try_from(&variant.name)
                    .unwrap_or(HeaderValue::from_static("")),
                target: match &variant.target {
                    settings::Target::Handler => Target::Handler,
                    settings::Target::Null => Target::Null,
                    settings::Target::Containers(addresses) => Target::Containers(group(addresses)),
                },
                weight: variant.weight,
            });
            let components = endpoint.components.iter();
            let made = Endpoint {
                variants: variants.collect(),
                components: components
                    .map(|component| (component.name.clone(), group(&component.containers)))
                    .collect(),
                models_folder: endpoint.models_folder.clone(),
                model_timeout: endpoint.model_timeout,
                stream_timeout: endpoint.stream_timeout,
                weight: endpoint.variants.iter().map(|variant| variant.weight).sum(),
            };
            (name.clone(), made)
        })
        .collect()
}

/// Every container of a fleet, each once.
pub(super) fn containers(fleet: &Fleet) -> Vec<Arc<Container>> {
    let mut found: Vec<Arc<Container>> = Vec::new();
    for container in fleet.values().flat_map(Endpoint::containers) {
        if !found.iter().any(|known| Arc::ptr_eq(known, container)) {
            found.push(Arc::clone(container));
        }
    }
    found
}

/// How the containers of a fleet are, endpoint by endpoint.
pub(super) fn states(fleet: &Fleet) -> Vec<ContainerState> {
    let of_endpoint = |(name, endpoint): (&String, &Endpoint)| {
        let state = |container: &Arc<Container>| ContainerState {
            endpoint: name.clone(),
            container: container.name.clone(),
            healthy: container.is_healthy(),
            in_flight: container.in_flight(),
        };
        endpoint.containers().map(state).collect::<Vec<_>>()
    };
    fleet.iter().flat_map(of_endpoint).collect()
}

impl Endpoint {
    /// The groups of its variants and components.
    fn groups(&self) -> impl Iterator<Item = &Group> {
        let of_variants = self.variants.iter().filter_map(|variant| match &variant.target {
            Target::Containers(group) => Some(group),
            Target::Handler | Target::Null => None,
        });
        of_variants.chain(self.components.iter().map(|(_, group)| group))
    }

    fn containers(&self) -> impl Iterator<Item = &Arc<Container>> {
        self.groups().flat_map(|group| &group.containers)
    }

    /// Whether there is a group that nobody of could answer.
    pub(super) fn lacks_health(&self) -> bool {
        self.groups().any(|group| !group.containers.iter().any(|container| container.is_healthy()))
    }

    /// The variant of that name.
    pub(super) fn named(&self, name: &str) -> Option<&Variant> {
        self.variants.iter().find(|variant| variant.name == name)
    }

    /// A variant, by the weights; `None` if none has any.
    pub(super) fn by_weight(&self, random: &Random) -> Option<&Variant> {
        if let [only] = self.variants.as_slice() {
            return (only.weight > 0.0).then_some(only);
        }
        let mut left = random.fraction() * self.weight;
        let weighty = self.variants.iter().filter(|variant| variant.weight > 0.0);
        let mut last = None;
        for variant in weighty {
            last = Some(variant);
            left -= variant.weight;
            if left < 0.0 {
                break;
            }
        }
        last
    }
}

impl Group {
    /// Whether one of them has ever answered a ping: before that, they are still starting.
    pub(super) fn has_been_well(&self) -> bool {
        self.containers.iter().any(|container| container.has_been_well())
    }

    /// Whether calls may name one of the containers.
    pub(super) fn is_direct(&self) -> bool {
        self.containers.iter().any(|container| container.address.hostname.is_some())
    }

    /// The container to ask: healthy, as wished, and not one of `tried`.
    pub(super) fn choose(
        &self,
        wish: Wish<'_>,
        tried: &[Arc<Container>],
        random: &Random,
    ) -> Option<&Arc<Container>> {
        if let Some(wanted) = wish.session {
            // A session has no other place; where it lives may be tried even if it does not answer.
            let place = self.containers.iter().find(|container| container.name == wanted)?;
            return (!is_among(tried, place)).then_some(place);
        }
        let usable = self.containers.iter().filter(|container| {
            let named =
                wish.hostname.is_none() || container.address.hostname.as_deref() == wish.hostname;
            named && container.is_healthy() && !is_among(tried, container)
        });
        if let Some(prefix) = wish.prefix {
            return usable.max_by_key(|container| affinity(prefix, container.name.as_bytes()));
        }
        // Among equals each has the same chance: a start at a random place, then the first best.
        let usable: Vec<_> = usable.collect();
        if usable.len() < 2 {
            return usable.first().copied();
        }
        let start = usize::try_from(random.next() % usable.len() as u64).unwrap_or_default();
        let (before, from) = usable.split_at(start);
        from.iter().chain(before).copied().min_by_key(|container| container.in_flight())
    }
}

fn is_among(tried: &[Arc<Container>], container: &Arc<Container>) -> bool {
    tried.iter().any(|known| Arc::ptr_eq(known, container))
}

/// How much a prefix belongs to a container: the container with the most gets it.
///
/// This is rendezvous hashing (Thaler and Ravishankar, 1996), a consistent hashing without a ring:
/// when a container comes or goes, only the prefixes that it gains or had move.
fn affinity(prefix: &[u8], container: &[u8]) -> u64 {
    let mut state = 0;
    for part in [prefix, b"\0", container] {
        for &byte in part {
            state = mixed(state, u64::from(byte) + 1);
        }
    }
    state
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashMap;

    fn group(count: u16) -> Group {
        let container = |port| {
            let address = settings::ContainerAddress {
                host: "127.0.0.1".to_owned(),
                port,
                path: "/invocations".to_owned(),
                hostname: None,
            };
            Arc::new(Container::new(address, true))
        };
        Group { containers: (1..=count).map(container).collect() }
    }

    fn placed(group: &Group, prefix: &str) -> u16 {
        let wish = Wish { prefix: Some(prefix.as_bytes()), ..Wish::default() };
        group.choose(wish, &[], &Random::new([1, 2])).unwrap().address.port
    }

    #[test]
    fn a_prefix_moves_only_when_its_container_goes() {
        let group = group(4);
        let prefixes: Vec<_> = (0..400).map(|number| format!("app-{number}")).collect();
        let before: Vec<_> = prefixes.iter().map(|prefix| placed(&group, prefix)).collect();
        let mut shares = HashMap::new();
        for port in &before {
            *shares.entry(*port).or_insert(0) += 1;
        }
        assert!(
            shares.len() == 4 && shares.values().all(|share| (60..140).contains(share)),
            "{shares:?}"
        );
        group.containers[0].refused();
        for (prefix, was) in prefixes.iter().zip(before) {
            let is = placed(&group, prefix);
            assert!(if was == 1 { is != 1 } else { is == was });
        }
    }

    #[test]
    fn equal_containers_share_and_unhealthy_ones_are_left_out() {
        let group = group(3);
        let random = Random::new([5, 6]);
        group.containers[1].refused();
        let mut chosen = HashMap::new();
        for _ in 0..1000 {
            let port = group.choose(Wish::default(), &[], &random).unwrap().address.port;
            *chosen.entry(port).or_insert(0) += 1;
        }
        assert!(chosen.len() == 2 && chosen.values().all(|count| *count > 400), "{chosen:?}");
        let tried = group.containers.clone();
        assert!(group.choose(Wish::default(), &tried, &random).is_none());
    }
}
