package dev.buildplane.schema;

import com.google.re2j.Pattern;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.ConcurrentHashMap;

/// The formats of Kubernetes' CEL library `format`.
enum NamedFormat {
  DNS1123_LABEL(
      "dns1123Label",
      "[a-z0-9]([-a-z0-9]*[a-z0-9])?",
      63,
      "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an"
          + " alphanumeric character (at most 63 characters)"),
  DNS1123_SUBDOMAIN(
      "dns1123Subdomain",
      "[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*",
      253,
      "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end"
          + " with an alphanumeric character (at most 253 characters)"),
  DNS1035_LABEL(
      "dns1035Label",
      "[a-z]([-a-z0-9]*[a-z0-9])?",
      63,
      "a DNS-1035 label must consist of lower case alphanumeric characters or '-', start with an alphabetic character, and end"
          + " with an alphanumeric character (at most 63 characters)"),
  QUALIFIED_NAME(
      "qualifiedName",
      "([a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*/)?[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?",
      317,
      "name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character,"
          + " with an optional DNS subdomain prefix and '/'"),
  DNS1123_LABEL_PREFIX(
      "dns1123LabelPrefix",
      "[a-z0-9]([-a-z0-9]*)?",
      63,
      "must be a prefix of a lowercase RFC 1123 label"),
  DNS1123_SUBDOMAIN_PREFIX(
      "dns1123SubdomainPrefix",
      "[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*[-.]?",
      253,
      "must be a prefix of a lowercase RFC 1123 subdomain"),
  DNS1035_LABEL_PREFIX(
      "dns1035LabelPrefix", "[a-z]([-a-z0-9]*)?", 63, "must be a prefix of a DNS-1035 label"),
  LABEL_VALUE(
      "labelValue",
      "(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?",
      63,
      "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and end with"
          + " an alphanumeric character (at most 63 characters)"),
  URI("uri", "", 65_536, "must be an absolute URI or an absolute path"),
  UUID("uuid", "", 65_536, "does not match the format of a UUID"),
  BYTE("byte", "", 65_536, "must be base64 encoded"),
  DATE("date", "", 65_536, "must be a date such as 2026-01-31"),
  DATETIME("datetime", "", 65_536, "must be a time such as 2026-01-31T12:00:00Z");

  private static final Map<NamedFormat, Pattern> PATTERNS = new ConcurrentHashMap<>();

  private final String functionName;
  private final String shape;
  private final int maxLength;
  private final String complaint;

  /// @param shape a regular expression; empty when [Formats] knows the format
  NamedFormat(String functionName, String shape, int maxLength, String complaint) {
    this.functionName = functionName;
    this.shape = shape;
    this.maxLength = maxLength;
    this.complaint = complaint;
  }

  String functionName() {
    return functionName;
  }

  static Optional<NamedFormat> named(String name) {
    return Arrays.stream(values())
        .filter(format -> format.functionName.equals(name))
        .findFirst();
  }

  /// The complaints, or empty when `text` is valid.
  Optional<List<String>> validate(String text) {
    return text.length() <= maxLength && matches(text)
        ? Optional.empty()
        : Optional.of(List.of(complaint));
  }

  private boolean matches(String text) {
    if (shape.isEmpty()) {
      return Formats.matchesText(functionName, text);
    }
    return PATTERNS
        .computeIfAbsent(this, format -> Pattern.compile(format.shape))
        .matches(text);
  }

  @Override
  public String toString() {
    return functionName;
  }
}
