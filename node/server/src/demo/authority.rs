use std::time::Duration;

use anyhow::Context as _;
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa, KeyPair,
    KeyUsagePurpose,
};

/// A demo's papers are made once.
const LIFE: Duration = Duration::from_secs(10 * 365 * 86_400);
/// Clocks differ.
const BACKDATE_MS: u64 = 3_600_000;

/// A certificate authority of a demo's own. Its key is in memory only, so that
/// whoever trusts it trusts nothing but the demo.
pub(crate) struct Authority(CertifiedIssuer<'static, KeyPair>);

impl Authority {
    /// A new one. `now_ms` is Unix time.
    pub(crate) fn make(now_ms: u64) -> anyhow::Result<Self> {
        let mut params = params("Mucura demo CA", Vec::new(), now_ms)?;
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let issuer = CertifiedIssuer::self_signed(params, new_key()?);
        Ok(Self(issuer.context("sign the demo's authority")?))
    }

    /// Its certificate, PEM.
    pub(crate) fn certificate_pem(&self) -> String {
        self.0.pem()
    }

    /// A certificate for servers on this machine, and its key (PKCS #8), PEM.
    pub(crate) fn issue(&self, now_ms: u64) -> anyhow::Result<(String, String)> {
        let names = ["localhost", "127.0.0.1", "::1"].map(str::to_owned).to_vec();
        let mut params = params("Mucura demo", names, now_ms)?;
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        params.use_authority_key_identifier_extension = true;
        let key = new_key()?;
        let certificate = params.signed_by(&key, &self.0).context("sign a certificate of the demo")?;
        Ok((certificate.pem(), key.serialize_pem()))
    }
}

fn params(name: &str, alternative: Vec<String>, now_ms: u64) -> anyhow::Result<CertificateParams> {
    let mut params = CertificateParams::new(alternative).context("name a certificate of the demo")?;
    params.distinguished_name = rcgen::DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, name);
    let epoch = rcgen::date_time_ymd(1970, 1, 1);
    params.not_before = epoch + Duration::from_millis(now_ms.saturating_sub(BACKDATE_MS));
    params.not_after = epoch + Duration::from_millis(now_ms) + LIFE;
    Ok(params)
}

fn new_key() -> anyhow::Result<KeyPair> {
    KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256).context("make a key of the demo")
}
