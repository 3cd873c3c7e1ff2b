use std::path::Path;

use crate::demo::state::DemoState;

/// What a person sees once the demo is ready.
pub(super) fn welcome(state: &DemoState, region: &str, dir: &Path) -> String {
    let ca = state.ca_certificate(dir).map(|path| path.display().to_string());
    let for_ca = |text: &dyn Fn(&str) -> String| ca.as_deref().map(text).unwrap_or_default();
    let dir = dir.display();
    let endpoints = state.endpoints();
    let first = endpoints.first().map_or("", String::as_str);
    let (access, secret) = (&state.access_key, &state.secret_key);
    let mut nodes = String::new();
    for (number, (s3, admin)) in endpoints.iter().zip(state.admin_urls()).enumerate() {
        nodes.push_str(&format!("  node {}   S3 {s3}   admin {admin}\n", number + 1));
    }
    format!(
        "The site is ready: {count} nodes with {drives} drives each, in {dir}\n\
         {nodes}\
         \x20 access key  {access}\n\
         \x20 secret key  {secret}\n\
         \x20 region      {region}\n\
         {ca_line}\
         \n\
         aws-cli:\n\
         \x20 export AWS_ACCESS_KEY_ID={access} AWS_SECRET_ACCESS_KEY={secret} AWS_DEFAULT_REGION={region} AWS_ENDPOINT_URL={first}{ca_variable}\n\
         \x20 aws s3 mb s3://first && aws s3 cp /etc/hostname s3://first/ && aws s3 ls s3://first\n\
         \n\
         boto3:\n\
         \x20 python3 -c \"import boto3; s3 = boto3.client('s3', endpoint_url='{first}', {ca_argument}region_name='{region}', aws_access_key_id='{access}', aws_secret_access_key='{secret}'); print(s3.list_buckets()['Buckets'])\"\n\
         \n\
         rclone:\n\
         \x20 {ca_unset}rclone lsd --s3-provider Other --s3-endpoint {first} --s3-region {region} --s3-access-key-id {access} --s3-secret-access-key {secret} {ca_option}:s3:\n\
         \n\
         mucuractl:\n\
         \x20 MUCURA_ADMIN={admins} MUCURA_ACCESS_KEY={access} MUCURA_SECRET_KEY={secret} mucuractl status\n\
         \n\
         Stop a node, start it again:\n\
         \x20 mucura demo-node 2 kill --dir {dir}\n\
         \x20 mucura demo-node 2 start --dir {dir}\n\
         \n\
         Ctrl-C ends the demo; the data stays.\n",
        count = state.nodes,
        drives = state.drives,
        ca_line = for_ca(&|ca| format!("  CA          {ca}\n")),
        ca_variable = for_ca(&|ca| format!(" AWS_CA_BUNDLE={ca}")),
        ca_argument = for_ca(&|ca| format!("verify='{ca}', ")),
        // Set for aws-cli, it stops rclone.
        ca_unset = for_ca(&|_| "env -u AWS_CA_BUNDLE ".to_owned()),
        ca_option = for_ca(&|ca| format!("--ca-cert {ca} ")),
        admins = state.admin_urls().join(","),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::demo::ports::Ports;

    fn state(tls: bool) -> DemoState {
        DemoState {
            nodes: 2,
            drives: 2,
            tls,
            ports: Ports { s3: vec![9000, 9001], admin: vec![9002, 9003], mesh: vec![1, 2] },
            access_key: "AK".to_owned(),
            secret_key: "SK".to_owned(),
        }
    }

    #[test]
    fn every_node_and_a_line_for_each_client_is_shown() {
        let text = welcome(&state(false), "us-east-1", Path::new("/tmp/demo"));
        for part in [
            "node 2   S3 http://127.0.0.1:9001   admin http://127.0.0.1:9003",
            "AWS_ENDPOINT_URL=http://127.0.0.1:9000",
            "boto3.client('s3', endpoint_url='http://127.0.0.1:9000'",
            "rclone lsd --s3-provider Other --s3-endpoint http://127.0.0.1:9000",
            "demo-node 2 start --dir /tmp/demo",
        ] {
            assert!(text.contains(part), "{part:?} is not in\n{text}");
        }
        assert!(!text.contains("ca.pem"));
    }

    #[test]
    fn with_https_every_client_is_given_the_authority() {
        let text = welcome(&state(true), "us-east-1", Path::new("/tmp/demo"));
        for part in [
            "node 2   S3 https://127.0.0.1:9001   admin http://127.0.0.1:9003",
            "AWS_ENDPOINT_URL=https://127.0.0.1:9000 AWS_CA_BUNDLE=/tmp/demo/ca.pem",
            "verify='/tmp/demo/ca.pem'",
            "env -u AWS_CA_BUNDLE rclone lsd",
            "--ca-cert /tmp/demo/ca.pem :s3:",
        ] {
            assert!(text.contains(part), "{part:?} is not in\n{text}");
        }
    }
}
