use crate::demo::state::DemoState;

/// What a person sees once the demo is ready.
pub(super) fn welcome(state: &DemoState, region: &str, dir: &str) -> String {
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
         \n\
         aws-cli:\n\
         \x20 export AWS_ACCESS_KEY_ID={access} AWS_SECRET_ACCESS_KEY={secret} AWS_DEFAULT_REGION={region} AWS_ENDPOINT_URL={first}\n\
         \x20 aws s3 mb s3://first && aws s3 cp /etc/hostname s3://first/ && aws s3 ls s3://first\n\
         \n\
         boto3:\n\
         \x20 python3 -c \"import boto3; s3 = boto3.client('s3', endpoint_url='{first}', region_name='{region}', aws_access_key_id='{access}', aws_secret_access_key='{secret}'); print(s3.list_buckets()['Buckets'])\"\n\
         \n\
         rclone:\n\
         \x20 rclone lsd --s3-provider Other --s3-endpoint {first} --s3-region {region} --s3-access-key-id {access} --s3-secret-access-key {secret} :s3:\n\
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
        admins = state.admin_urls().join(","),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::demo::ports::Ports;

    #[test]
    fn every_node_and_a_line_for_each_client_is_shown() {
        let state = DemoState {
            nodes: 2,
            drives: 2,
            ports: Ports { s3: vec![9000, 9001], admin: vec![9002, 9003], mesh: vec![1, 2] },
            access_key: "AK".to_owned(),
            secret_key: "SK".to_owned(),
        };
        let text = welcome(&state, "us-east-1", "/tmp/demo");
        for part in [
            "node 2   S3 http://127.0.0.1:9001   admin http://127.0.0.1:9003",
            "AWS_ENDPOINT_URL=http://127.0.0.1:9000",
            "boto3.client('s3', endpoint_url='http://127.0.0.1:9000'",
            "rclone lsd --s3-provider Other --s3-endpoint http://127.0.0.1:9000",
            "demo-node 2 start --dir /tmp/demo",
        ] {
            assert!(text.contains(part), "{part:?} is not in\n{text}");
        }
    }
}
