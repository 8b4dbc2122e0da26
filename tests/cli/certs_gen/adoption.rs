//! CAs that others made: openssl in each form of key, and cfssl. They sign, and are left as they are.

use std::fs;

use super::leaves::{LAYOUTS, field, leaves, verify};
use crate::cfssl::{certinfo, gencert};
use crate::harness::{Run, Sandbox, expect};
use crate::openssl::{demand, sign_between};

const MEMBER: &str = "--member m1=10.0.0.11";
const PASSPHRASE: &str = "open sesame";

/// How a CA's key is made, and how it is then written to `ca/ca.key`.
struct Form {
    name: &'static str,
    make: &'static str,
    write: &'static str,
    /// The first line of the file that comes of it.
    label: &'static str,
}

const RSA: &str = "genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:2048 -out ca/made.key";
const EC: &str = "ecparam -name prime256v1 -genkey -noout -out ca/made.key";
const ED25519: &str = "genpkey -algorithm ed25519 -out ca/made.key";

const PLAIN: [Form; 6] = [
    Form {
        name: "RSA, PKCS#1",
        make: RSA,
        write: "rsa -traditional -in ca/made.key -out ca/ca.key",
        label: "RSA PRIVATE KEY",
    },
    Form {
        name: "RSA, PKCS#8",
        make: RSA,
        write: "pkcs8 -topk8 -nocrypt -in ca/made.key -out ca/ca.key",
        label: "PRIVATE KEY",
    },
    Form {
        name: "ECDSA, SEC1",
        make: EC,
        write: "ec -in ca/made.key -out ca/ca.key",
        label: "EC PRIVATE KEY",
    },
    Form {
        name: "ECDSA, SEC1 behind its parameters",
        make: "ecparam -name secp384r1 -genkey -out ca/made.key",
        write: "ec -in ca/made.key -out ca/ca.key",
        label: "EC PRIVATE KEY",
    },
    Form {
        name: "ECDSA, PKCS#8",
        make: EC,
        write: "pkcs8 -topk8 -nocrypt -in ca/made.key -out ca/ca.key",
        label: "PRIVATE KEY",
    },
    Form {
        name: "Ed25519, PKCS#8",
        make: ED25519,
        write: "pkey -in ca/made.key -out ca/ca.key",
        label: "PRIVATE KEY",
    },
];

const ENCRYPTED: [Form; 6] = [
    Form {
        name: "RSA, PKCS#8 with AES-256",
        make: RSA,
        write: "pkcs8 -topk8 -v2 aes-256-cbc -passout file:ca/pass -in ca/made.key -out ca/ca.key",
        label: "ENCRYPTED PRIVATE KEY",
    },
    Form {
        name: "ECDSA, PKCS#8 with scrypt",
        make: EC,
        write: "pkcs8 -topk8 -scrypt -passout file:ca/pass -in ca/made.key -out ca/ca.key",
        label: "ENCRYPTED PRIVATE KEY",
    },
    Form {
        name: "Ed25519, PKCS#8 with AES-128",
        make: ED25519,
        write: "pkcs8 -topk8 -v2 aes-128-cbc -passout file:ca/pass -in ca/made.key -out ca/ca.key",
        label: "ENCRYPTED PRIVATE KEY",
    },
    Form {
        name: "RSA, traditional with AES-256",
        make: RSA,
        write: "rsa -traditional -aes256 -passout file:ca/pass -in ca/made.key -out ca/ca.key",
        label: "RSA PRIVATE KEY",
    },
    Form {
        name: "RSA, traditional with 3DES",
        make: RSA,
        write: "rsa -traditional -des3 -passout file:ca/pass -in ca/made.key -out ca/ca.key",
        label: "RSA PRIVATE KEY",
    },
    Form {
        name: "ECDSA, traditional with AES-128",
        make: EC,
        write: "ec -aes128 -passout file:ca/pass -in ca/made.key -out ca/ca.key",
        label: "EC PRIVATE KEY",
    },
];

/// openssl's request file: several values of O and OU, one of them in an RDN with another.
const SUBJECT: &str = "\
[req]
prompt = no
distinguished_name = name
x509_extensions = extensions
[name]
C = DE
0.O = Example & Söhne
1.O = system:masters
0.OU = one
+1.OU = two
CN = its own CA
[extensions]
basicConstraints = critical,CA:TRUE
keyUsage = critical,digitalSignature,keyEncipherment,keyCertSign
subjectKeyIdentifier = hash
";

/// A CA in `ca/`, made by openssl.
fn openssl_ca(sandbox: &Sandbox, form: &Form) {
    sandbox.file("ca/pass", &format!("{PASSPHRASE}\n"));
    sandbox.file("ca/req.cnf", SUBJECT);
    demand(sandbox, form.make);
    demand(sandbox, form.write);
    let first = sandbox.read("ca/ca.key");
    let label = first.lines().next().unwrap();
    assert_eq!(label, format!("-----BEGIN {}-----", form.label));
    demand(
        sandbox,
        "req -x509 -utf8 -days 3650 -config ca/req.cnf -key ca/made.key -out ca/ca.crt",
    );
    fs::remove_file(sandbox.path().join("ca/made.key")).unwrap();
}

/// The DER of a name as openssl dumps it: what must be the same byte for byte.
fn name_bytes(sandbox: &Sandbox, cert: &str, word: &str) -> String {
    let form = "-nameopt dump_all,dump_der,RFC2253";
    field(sandbox, cert, &format!("{word} {form}"))
}

fn generate(sandbox: &Sandbox, layout: &str) -> Run {
    let ca = "--pki-ca-cert ca/ca.crt --pki-ca-key ca/ca.key";
    let words = format!("certs gen {MEMBER} {ca} --pki-dir {layout} --pki-layout {layout}");
    sandbox.run(&words)
}

/// Every file of a directory with what is in it.
fn contents(sandbox: &Sandbox, dir: &str) -> Vec<(String, Vec<u8>)> {
    let files = sandbox.files_below(dir).into_iter();
    let read = |file: String| {
        let bytes = fs::read(sandbox.path().join(dir).join(&file)).unwrap();
        (file, bytes)
    };
    files.map(read).collect()
}

/// The CA in `ca/` signs in both layouts, its name is taken over as it is, and its files stay.
fn adopted(sandbox: &Sandbox, name: &str) {
    let before = contents(sandbox, "ca");
    for layout in LAYOUTS {
        let run = expect(0, generate(sandbox, layout));
        assert!(run.stdout.contains("adopted"), "{name}\n{}", run.stdout);
        for leaf in leaves(layout, 1) {
            let cert = format!("{layout}/nodes/m1/{}", leaf.cert);
            verify(sandbox, "ca/ca.crt", &cert, leaf.is_dialled);
            assert_eq!(
                name_bytes(sandbox, &cert, "-issuer"),
                name_bytes(sandbox, "ca/ca.crt", "-subject"),
                "{name}"
            );
            let (leaf, ca) = (certinfo(sandbox, &cert), certinfo(sandbox, "ca/ca.crt"));
            assert_eq!(leaf["issuer"], ca["subject"], "{name}");
            assert_eq!(leaf["authority_key_id"], ca["subject_key_id"], "{name}");
        }
        let all = sandbox.files_below(layout);
        let strange = |file: &&String| !file.starts_with("nodes/") || file.ends_with("ca.key");
        assert_eq!(all.iter().find(strange), None, "{name}");
        let run = expect(0, generate(sandbox, layout));
        assert!(run.stdout.contains("4 kept."), "{name}\n{}", run.stdout);
    }
    assert_eq!(contents(sandbox, "ca"), before, "{name}");
}

#[test]
fn openssl_s_plain_keys_sign() {
    for form in PLAIN {
        let sandbox = Sandbox::with_state();
        openssl_ca(&sandbox, &form);
        adopted(&sandbox, form.name);
    }
}

#[test]
fn openssl_s_encrypted_keys_sign_with_their_passphrase() {
    for (form, variable) in ENCRYPTED.into_iter().zip(
        ["ETCDHA_CA_PASSPHRASE", "CFSSL_CA_PK_PASSWORD"]
            .into_iter()
            .cycle(),
    ) {
        let sandbox = Sandbox::with_state();
        openssl_ca(&sandbox, &form);
        let run = expect(3, generate(&sandbox, "kubeadm"));
        assert!(
            run.stderr.contains("a passphrase is needed"),
            "{}",
            run.stderr
        );
        let sandbox = sandbox.variable(variable, "wrong");
        let run = expect(3, generate(&sandbox, "kubeadm"));
        let said = "the passphrase does not open the private key";
        assert!(run.stderr.contains(said), "{}", run.stderr);
        assert!(!sandbox.has("kubeadm"));
        adopted(&sandbox.variable(variable, PASSPHRASE), form.name);
    }
}

/// cfssl's own names: both values of O in one RDN, both of OU in another.
const CFSSL_CSR: &str = r#"{
  "CN": "cfssl's CA",
  "key": {"algo": "ALGO", "size": SIZE},
  "names": [
    {"C": "DE", "L": "Köln", "O": "first", "OU": "one"},
    {"O": "second", "OU": "two", "ST": "NRW"}
  ]
}"#;

#[test]
fn cfssl_s_ca_signs() {
    for (algorithm, size) in [
        ("ecdsa", 256),
        ("ecdsa", 384),
        ("ecdsa", 521),
        ("rsa", 2048),
    ] {
        let sandbox = Sandbox::with_state();
        let csr = CFSSL_CSR.replace("ALGO", algorithm);
        sandbox.file("ca/csr.json", &csr.replace("SIZE", &size.to_string()));
        gencert(&sandbox, "ca", "-initca csr.json", "ca");
        for (from, to) in [("ca.pem", "ca.crt"), ("ca-key.pem", "ca.key")] {
            let ca = sandbox.path().join("ca");
            fs::rename(ca.join(from), ca.join(to)).unwrap();
        }
        adopted(&sandbox, &format!("cfssl {algorithm} {size}"));
    }
}

/// The CA is found where the layout puts it, as well as where it is named.
#[test]
fn a_ca_that_lies_in_the_pki_directory_is_adopted() {
    let sandbox = Sandbox::with_state();
    openssl_ca(&sandbox, &PLAIN[0]);
    for (from, to) in [
        ("ca/ca.crt", "pki/etcd/ca.crt"),
        ("ca/ca.key", "pki/etcd/ca.key"),
    ] {
        sandbox.file(to, &sandbox.read(from));
    }
    let before = contents(&sandbox, "pki/etcd");
    let run = expect(0, sandbox.run(&format!("certs gen {MEMBER}")));
    assert!(run.stdout.contains("adopted"), "{}", run.stdout);
    assert_eq!(contents(&sandbox, "pki/etcd"), before);
}

/// Makes the CA in `ca/` anew, valid between two dates.
fn redate(sandbox: &Sandbox, from: &str, until: &str) {
    demand(
        sandbox,
        "req -new -key ca/ca.key -subj /CN=of-another-time -out ca/ca.csr",
    );
    sandbox.file("ca/ca.cnf", "basicConstraints = critical,CA:TRUE\n");
    let words = "-selfsign -keyfile ca/ca.key -in ca/ca.csr -extfile ca/ca.cnf -out ca/ca.crt";
    sign_between(sandbox, from, until, words);
}

/// Refused by name, with nothing written.
fn refused(sandbox: &Sandbox, said: &str) {
    for words in ["", " --dry-run"] {
        let before = contents(sandbox, "ca");
        let run = match words {
            "" => generate(sandbox, "kubeadm"),
            _ => sandbox.run(&format!(
                "certs gen {MEMBER} --pki-ca-cert ca/ca.crt --pki-ca-key ca/ca.key \
                 --pki-dir kubeadm --dry-run"
            )),
        };
        let run = expect(3, run);
        let start = "refused [ca-unusable]: nothing was changed\n  ";
        assert!(run.stderr.starts_with(start), "{}", run.stderr);
        assert!(run.stderr.contains(said), "no {said:?} in {}", run.stderr);
        assert!(run.stderr.contains("\nfix: "), "{}", run.stderr);
        assert!(!sandbox.has("kubeadm"));
        assert!(sandbox.files_below("state/receipts").is_empty());
        assert_eq!(contents(sandbox, "ca"), before);
    }
}

#[test]
fn a_ca_that_can_t_sign_is_refused_by_name() {
    let sandbox = Sandbox::with_state();
    openssl_ca(&sandbox, &PLAIN[4]);
    redate(&sandbox, "20200101000000Z", "20210101000000Z");
    refused(
        &sandbox,
        "ca/ca.crt: the CA CN=of-another-time expired at 2021-01-01T00:00:00Z; make a new CA first",
    );
    redate(&sandbox, "21000101000000Z", "21100101000000Z");
    refused(
        &sandbox,
        "the CA CN=of-another-time is valid from 2100-01-01T00:00:00Z, and it is",
    );

    demand(
        &sandbox,
        "req -x509 -key ca/ca.key -subj /CN=leaf -days 9 -out ca/ca.crt \
         -addext basicConstraints=critical,CA:FALSE",
    );
    refused(
        &sandbox,
        "ca/ca.crt: CN=leaf is no CA: its basicConstraints do not say CA:TRUE",
    );
    demand(
        &sandbox,
        "req -x509 -key ca/ca.key -subj /CN=mute -days 9 -out ca/ca.crt \
         -addext basicConstraints=critical,CA:TRUE -addext keyUsage=critical,digitalSignature",
    );
    refused(
        &sandbox,
        "ca/ca.crt: CN=mute may not sign certificates: its key usage lacks keyCertSign",
    );
    demand(
        &sandbox,
        "ecparam -name secp384r1 -genkey -noout -out ca/ca.key",
    );
    refused(
        &sandbox,
        "the key is not the certificate's: CN=mute has ECDSA P-256, the key is another ECDSA P-384",
    );
    sandbox.file("ca/ca.crt", "no certificate\n");
    refused(&sandbox, "ca/ca.crt: no PEM block found");
}

/// A slip of the pen in the name of a CA must not make a second CA.
#[test]
fn a_ca_that_was_named_and_is_not_there_is_not_made() {
    let sandbox = Sandbox::with_state();
    refused(&sandbox, "ca/ca.crt does not exist");
    assert!(!sandbox.has("ca"));
    openssl_ca(&sandbox, &PLAIN[4]);
    fs::remove_file(sandbox.path().join("ca/ca.key")).unwrap();
    refused(&sandbox, "ca/ca.key does not exist");
}
