//! Mutual authentication: a certificate that carries the libp2p identity, checked on both sides.
//!
//! The certificate and its verification are `libp2p-tls`'s; the configurations around it are made here
//! because its own offer ChaCha20 first (0.6 GB/s against 0.9 on AES-128-GCM), write a key log, and
//! cannot tell a wrong peer from a broken handshake.

use std::sync::{Arc, OnceLock};

use libp2p_identity::{Keypair, PeerId};
use libp2p_tls::certificate;
use quinn::crypto::rustls::{QuicClientConfig, QuicServerConfig};
use quinn::{ServerConfig, TransportConfig};
use rustls::client::Resumption;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::ring::cipher_suite::{
    TLS13_AES_128_GCM_SHA256, TLS13_AES_256_GCM_SHA384, TLS13_CHACHA20_POLY1305_SHA256,
};
use rustls::crypto::{CryptoProvider, ring};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::NoServerSessionStorage;
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use rustls::{CertificateError, DigitallySignedStruct, DistinguishedName, SignatureScheme};

use crate::doors::{Doors, Usher};
use crate::error::Error;

/// The shard protocol.
pub const ALPN: &[u8] = b"pangea/1";
/// libp2p, where it shares the socket.
pub(crate) const GUEST_ALPN: &[u8] = b"libp2p";

/// TLS alert `access_denied`, as QUIC carries it: there was no place.
pub(crate) const ACCESS_DENIED: u64 = 0x100 + 49;

/// TLS alert `no_application_protocol`, as QUIC carries it (RFC 9001, 4.8).
pub(crate) const NO_APPLICATION_PROTOCOL: u64 = 0x100 + 120;

/// An identity multihash of an Ed25519 public key: code 0, 36 bytes, protobuf of key type 1 and 32 bytes.
const ED25519_PREFIX: [u8; 6] = [0x00, 0x24, 0x08, 0x01, 0x12, 0x20];

/// What the settings of inbound connections have in common.
pub(crate) struct Template {
    tls: rustls::ServerConfig,
    pub(crate) quinn: ServerConfig,
}

/// The node's key and the certificate that is bound to it, made anew at every start.
pub(crate) struct Identity {
    pub(crate) peer: PeerId,
    client: Arc<SingleCertAndKey>,
    certified: Arc<CertifiedKey>,
    doors: Doors,
    provider: Arc<CryptoProvider>,
}

impl Identity {
    /// Certificates are shown to those for whom one of the doors is open.
    pub(crate) fn new(mut seed: [u8; 32], doors: Doors) -> Result<Self, Error> {
        let keypair = Keypair::ed25519_from_bytes(&mut seed).map_err(|error| Error::Identity(error.to_string()))?;
        let (certificate, key) = certificate::generate(&keypair).map_err(|error| Error::Identity(error.to_string()))?;
        let provider = CryptoProvider {
            cipher_suites: vec![TLS13_AES_128_GCM_SHA256, TLS13_AES_256_GCM_SHA384, TLS13_CHACHA20_POLY1305_SHA256],
            ..ring::default_provider()
        };
        // Not the builders' own way in: they parse the certificate, and refuse its critical libp2p extension.
        let key = provider.key_provider.load_private_key(key).map_err(tls_error)?;
        let certified = Arc::new(CertifiedKey::new(vec![certificate], key));
        Ok(Self {
            peer: keypair.public().to_peer_id(),
            client: Arc::new(SingleCertAndKey::from(certified.clone())),
            certified,
            doors,
            provider: Arc::new(provider),
        })
    }

    /// No session is kept and no early data taken: every connection proves its identity anew. `guest`: libp2p is
    /// spoken too; who offers both gets `pangea/1`.
    pub(crate) fn server(&self, guest: bool, transport: Arc<TransportConfig>) -> Result<Template, Error> {
        let mut tls = rustls::ServerConfig::builder_with_provider(self.provider.clone())
            .with_protocol_versions(&[&rustls::version::TLS13])
            .map_err(tls_error)?
            .with_client_cert_verifier(Arc::new(Verifier::default()))
            .with_cert_resolver(Usher::new(self.certified.clone(), self.doors.clone()));
        tls.alpn_protocols = [ALPN, GUEST_ALPN][..if guest { 2 } else { 1 }].iter().map(|name| name.to_vec()).collect();
        tls.max_early_data_size = 0;
        tls.send_tls13_tickets = 0;
        tls.session_storage = Arc::new(NoServerSessionStorage {});
        let mut quinn = ServerConfig::with_crypto(quic_server(tls.clone())?);
        quinn.transport_config(transport);
        Ok(Template { tls, quinn })
    }

    /// The settings for one connection, and who leads it in.
    pub(crate) fn usher(&self, template: &Template) -> Result<(Arc<Usher>, Arc<ServerConfig>), Error> {
        let usher = Usher::new(self.certified.clone(), self.doors.clone());
        let mut tls = template.tls.clone();
        tls.cert_resolver = usher.clone();
        let mut quinn = template.quinn.clone();
        quinn.crypto = quic_server(tls)?;
        Ok((usher, Arc::new(quinn)))
    }

    /// `expected`: the handshake fails unless this peer answers; `found` then says who did.
    pub(crate) fn client(
        &self,
        alpn: &[u8],
        expected: Option<PeerId>,
        found: Arc<OnceLock<PeerId>>,
    ) -> Result<Arc<QuicClientConfig>, Error> {
        let mut config = rustls::ClientConfig::builder_with_provider(self.provider.clone())
            .with_protocol_versions(&[&rustls::version::TLS13])
            .map_err(tls_error)?
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(Verifier { expected, found }))
            .with_client_cert_resolver(self.client.clone());
        config.alpn_protocols = vec![alpn.to_vec()];
        config.enable_early_data = false;
        config.enable_sni = false;
        config.resumption = Resumption::disabled();
        Ok(Arc::new(QuicClientConfig::try_from(config).map_err(|error| Error::Identity(error.to_string()))?))
    }
}

fn quic_server(tls: rustls::ServerConfig) -> Result<Arc<QuicServerConfig>, Error> {
    Ok(Arc::new(QuicServerConfig::try_from(tls).map_err(|error| Error::Identity(error.to_string()))?))
}

fn tls_error(error: rustls::Error) -> Error {
    Error::Identity(error.to_string())
}

/// The PeerId of a 32-byte Ed25519 seed, in base58btc.
pub fn peer_id(mut seed: [u8; 32]) -> Result<String, Error> {
    let keypair = Keypair::ed25519_from_bytes(&mut seed).map_err(|error| Error::Identity(error.to_string()))?;
    Ok(keypair.public().to_peer_id().to_base58())
}

/// Who stands at the other end of an established connection.
pub(crate) fn remote_peer(connection: &quinn::Connection) -> Option<PeerId> {
    let chain = connection.peer_identity()?.downcast::<Vec<CertificateDer<'static>>>().ok()?;
    presented(chain.first()?, chain.get(1..)?).ok()
}

/// Exactly one certificate, self-signed, with a valid signature of an Ed25519 identity over its key.
fn presented(end_entity: &CertificateDer<'_>, intermediates: &[CertificateDer<'_>]) -> Result<PeerId, rustls::Error> {
    let refuse = || rustls::Error::InvalidCertificate(CertificateError::ApplicationVerificationFailure);
    if !intermediates.is_empty() {
        return Err(refuse());
    }
    let peer = certificate::parse(end_entity).map_err(|_| refuse())?.peer_id();
    if peer.to_bytes().starts_with(&ED25519_PREFIX) { Ok(peer) } else { Err(refuse()) }
}

#[derive(Debug, Default)]
struct Verifier {
    expected: Option<PeerId>,
    found: Arc<OnceLock<PeerId>>,
}

impl Verifier {
    fn verify_signature(
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        certificate::parse(certificate)
            .map_err(|_| rustls::Error::InvalidCertificate(CertificateError::BadEncoding))?
            .verify_signature(signed.scheme, message, signed.signature())
            .map_err(|_| rustls::Error::InvalidCertificate(CertificateError::BadSignature))?;
        Ok(HandshakeSignatureValid::assertion())
    }

    fn refuse_tls12() -> Result<HandshakeSignatureValid, rustls::Error> {
        Err(rustls::Error::PeerIncompatible(rustls::PeerIncompatible::Tls13RequiredForQuic))
    }

    fn schemes() -> Vec<SignatureScheme> {
        vec![
            SignatureScheme::ED25519,
            SignatureScheme::ECDSA_NISTP256_SHA256,
            SignatureScheme::ECDSA_NISTP384_SHA384,
            SignatureScheme::RSA_PSS_SHA256,
            SignatureScheme::RSA_PSS_SHA384,
            SignatureScheme::RSA_PSS_SHA512,
        ]
    }
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let peer = presented(end_entity, intermediates)?;
        let _ = self.found.set(peer);
        match self.expected {
            Some(expected) if expected != peer => {
                Err(rustls::Error::InvalidCertificate(CertificateError::ApplicationVerificationFailure))
            }
            _ => Ok(ServerCertVerified::assertion()),
        }
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Self::refuse_tls12()
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Self::verify_signature(message, certificate, signed)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        Self::schemes()
    }
}

impl ClientCertVerifier for Verifier {
    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &[]
    }

    fn verify_client_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        _now: UnixTime,
    ) -> Result<ClientCertVerified, rustls::Error> {
        presented(end_entity, intermediates)?;
        Ok(ClientCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Self::refuse_tls12()
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Self::verify_signature(message, certificate, signed)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        Self::schemes()
    }
}
