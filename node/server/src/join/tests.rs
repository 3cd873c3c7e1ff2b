use std::net::{TcpListener, UdpSocket};
use std::path::Path;
use std::time::Duration;

use mucura_runtime::Runtime;
use tokio::time::{Instant, sleep};

use super::join;
use crate::admin_client::AdminClient;
use crate::config::{Environment, RootKey, Settings};
use crate::found::{NodePlan, found_site};
use crate::node_dir::NodeDir;

fn plan(dir: &Path, name: &str) -> NodePlan {
    let tcp = || TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
    let mut settings = Settings::default();
    settings.mesh.listen = UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
    settings.s3.listen = tcp();
    settings.admin.listen = tcp();
    settings.storage.drives = vec!["drive1".into()];
    NodePlan { name: name.to_owned(), dir: dir.join(name), settings }
}

fn read_settings(dir: &NodeDir) -> Settings {
    let text = std::fs::read_to_string(dir.config()).unwrap();
    Settings::read(&text, &dir.config(), &Environment::default()).unwrap()
}

async fn wait_until_ready(client: &AdminClient) {
    let end = Instant::now() + Duration::from_secs(60);
    while !client.is_ready().await {
        assert!(Instant::now() < end, "the node is not ready");
        sleep(Duration::from_millis(50)).await;
    }
}

async fn token(client: &AdminClient) -> String {
    let answer =
        client.json(http::Method::POST, "/admin/v1/join-tokens", &serde_json::json!({})).await.unwrap();
    answer["token"].as_str().unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_lets_one_machine_in_which_then_votes() {
    let top = tempfile::tempdir().unwrap();
    let runtime = Runtime::real(8);
    let root = RootKey::new("root", "root-secret").unwrap();
    let first = plan(top.path(), "first");
    let founded = found_site(&runtime, "test", &root, std::slice::from_ref(&first)).await.unwrap();
    assert!(founded.keep.iter().all(|path| path.exists()));
    let again = found_site(&runtime, "test", &root, std::slice::from_ref(&first)).await.unwrap_err();
    assert!(format!("{again:#}").contains("already"), "{again:#}");

    let settings = read_settings(&NodeDir::at(&first.dir));
    let client = AdminClient::new(&settings.admin.url, Some(root.clone())).unwrap();
    let environment = Environment::default();
    let one = crate::serve::serve(settings, runtime.clone(), &environment, false);
    let (second, third) = (plan(top.path(), "second"), plan(top.path(), "third"));
    let two = async {
        wait_until_ready(&client).await;
        let first_token = token(&client).await;
        let joined = join(&runtime, &first_token, &second).await.unwrap();
        assert_eq!((joined.node.0, joined.site_name.as_str()), (2, "test"));
        let refused = join(&runtime, &first_token, &third).await.err().unwrap();
        assert!(format!("{refused:#}").contains("used before"), "{refused:#}");
        let forged = first_token.replace(&first_token[40..44], "AAAA");
        assert!(join(&runtime, &forged, &third).await.is_err());
        assert!(!third.dir.join("node.toml").exists());

        let dir = NodeDir::at(&second.dir);
        assert_eq!(RootKey::load(&runtime, &dir.root_key(), &Environment::default()).await.unwrap(), root);
        let settings = read_settings(&dir);
        let there = AdminClient::new(&settings.admin.url, Some(root.clone())).unwrap();
        let environment = Environment::default();
        let serve = crate::serve::serve(settings, runtime.clone(), &environment, false);
        let voted = async {
            let end = Instant::now() + Duration::from_secs(60);
            loop {
                wait_until_ready(&there).await;
                let status =
                    there.json(http::Method::GET, "/admin/v1/status", &serde_json::Value::Null).await;
                if status.is_ok_and(|status| {
                    status["nodes"][1]["voter"] == true && status["placement"]["drives"] == 2
                }) {
                    return;
                }
                assert!(Instant::now() < end, "the second node does not vote");
                sleep(Duration::from_millis(50)).await;
            }
        };
        tokio::select! {
            ended = serve => panic!("the second node ended: {ended:?}"),
            () = voted => {}
        }
    };
    tokio::select! {
        ended = one => panic!("the first node ended: {ended:?}"),
        () = two => {}
    }
}
