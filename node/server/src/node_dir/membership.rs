use std::collections::BTreeMap;
use std::path::PathBuf;

use mucura_metadata::NodeRecord;
use mucura_types::{NodeId, SiteId, StoreId};
use serde::{Deserialize, Serialize};

/// Which node of which site this is, and the nodes that it knew when it was
/// made or last ran: enough to find the others before the metadata is read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Membership {
    /// The site.
    pub site: SiteId,
    /// The site's name.
    pub site_name: String,
    /// The node.
    pub node: NodeId,
    /// Its metadata store.
    pub store: StoreId,
    /// All nodes of the site, this one included.
    pub nodes: BTreeMap<NodeId, KnownNode>,
    /// This node's drives as the site knows them: also those that were added
    /// while it ran.
    pub drives: Vec<PathBuf>,
}

/// A node as others know it.
pub type KnownNode = NodeRecord;

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct MembershipFile {
    site: u16,
    site_name: String,
    node: u64,
    store: String,
    #[serde(default)]
    drives: Vec<PathBuf>,
    nodes: Vec<NodeFile>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct NodeFile {
    node: u64,
    name: String,
    mesh: String,
    s3: String,
    admin: String,
    store: Option<String>,
}

impl Membership {
    /// How this node is known.
    pub fn own(&self) -> Option<&KnownNode> {
        self.nodes.get(&self.node)
    }

    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let file: MembershipFile = toml::from_str(text).map_err(|e| e.to_string())?;
        let store = |text: &str| text.parse::<StoreId>().map_err(|e| e.to_string());
        let mut nodes = BTreeMap::new();
        for node in file.nodes {
            let known = KnownNode {
                name: node.name,
                mesh: node.mesh,
                s3: node.s3,
                admin: node.admin,
                store: node.store.as_deref().map(store).transpose()?,
            };
            nodes.insert(NodeId(node.node), known);
        }
        Ok(Self {
            site: SiteId(file.site),
            site_name: file.site_name,
            node: NodeId(file.node),
            store: store(&file.store)?,
            nodes,
            drives: file.drives,
        })
    }

    pub(super) fn to_toml(&self) -> String {
        let node_file = |(id, known): (&NodeId, &KnownNode)| NodeFile {
            node: id.0,
            name: known.name.clone(),
            mesh: known.mesh.clone(),
            s3: known.s3.clone(),
            admin: known.admin.clone(),
            store: known.store.map(|store| store.to_string()),
        };
        let file = MembershipFile {
            site: self.site.0,
            site_name: self.site_name.clone(),
            node: self.node.0,
            store: self.store.to_string(),
            drives: self.drives.clone(),
            nodes: self.nodes.iter().map(node_file).collect(),
        };
        // Plain values: writing them does not fail.
        let body = toml::to_string(&file).unwrap_or_default();
        format!("# Who this node is. Written by mucura; do not edit.\n{body}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_membership_reads_back_as_it_was_written() {
        let known = |name: &str, store| KnownNode {
            name: name.to_owned(),
            mesh: "10.0.0.1:7400".to_owned(),
            s3: "http://10.0.0.1:9000".to_owned(),
            admin: "http://10.0.0.1:9400".to_owned(),
            store,
        };
        let membership = Membership {
            site: SiteId(1),
            site_name: "lyon".to_owned(),
            node: NodeId(2),
            store: StoreId([7; 16]),
            nodes: BTreeMap::from([
                (NodeId(1), known("a \"b\"", None)),
                (NodeId(2), known("b", Some(StoreId([7; 16])))),
            ]),
            drives: vec![PathBuf::from("/mnt/a")],
        };
        assert_eq!(Membership::parse(&membership.to_toml()).unwrap(), membership);
        assert!(Membership::parse("site = 1").is_err());
    }
}
