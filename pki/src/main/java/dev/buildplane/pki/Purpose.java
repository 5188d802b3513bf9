package dev.buildplane.pki;

/// What a certificate is used for (RFC 5280 section 4.2.1.12).
public enum Purpose {
  CLIENT("1.3.6.1.5.5.7.3.2", "client auth"),
  SERVER("1.3.6.1.5.5.7.3.1", "server auth");

  static final String ANY_OID = "2.5.29.37.0";

  private final String oid;
  private final String text;

  Purpose(String oid, String text) {
    this.oid = oid;
    this.text = text;
  }

  String oid() {
    return oid;
  }

  String text() {
    return text;
  }
}
