package dev.buildplane.schema;

import com.fasterxml.jackson.databind.JsonNode;
import com.google.re2j.Pattern;
import java.net.URI;
import java.net.URISyntaxException;
import java.time.DateTimeException;
import java.time.LocalDate;
import java.time.OffsetDateTime;
import java.util.Base64;
import java.util.Locale;

/// The values of `format` that the Kubernetes API server checks. Others are comments.
final class Formats {
  private static final Pattern UUID =
      Pattern.compile("(?i)^[0-9a-f]{8}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{12}$");
  private static final Pattern EMAIL =
      Pattern.compile("^[^\\s@<>\"]+@[^\\s@<>\".]+(\\.[^\\s@<>\".]+)*$");
  private static final Pattern HOSTNAME = Pattern.compile(
      "^[a-zA-Z0-9]([-a-zA-Z0-9]{0,61}[a-zA-Z0-9])?(\\.[a-zA-Z0-9]([-a-zA-Z0-9]{0,61}[a-zA-Z0-9])?)*\\.?$");
  private static final Pattern MAC = Pattern.compile("^([0-9A-Fa-f]{2}[:-]){5}[0-9A-Fa-f]{2}$");
  private static final Pattern SHORT_NAME = Pattern.compile("^[a-z0-9]([-a-z0-9]*[a-z0-9])?$");
  private static final Pattern LONG_NAME =
      Pattern.compile("^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$");
  private static final int MAX_HOSTNAME = 253;

  private Formats() {}

  static boolean matchesText(String format, String text) {
    return switch (format) {
      case "date-time", "datetime" -> isDateTime(text);
      case "date" -> isDate(text);
      case "duration" -> GoDuration.parse(text).isPresent();
      case "byte" -> isBase64(text);
      case "uuid" -> UUID.matches(text);
      case "email" -> EMAIL.matches(text);
      case "hostname" -> text.length() <= MAX_HOSTNAME && HOSTNAME.matches(text);
      case "ipv4" -> IpAddress.parse(text).filter(ip -> ip.family() == 4).isPresent();
      case "ipv6" -> IpAddress.parse(text).filter(ip -> ip.family() == 6).isPresent();
      case "cidr" -> IpNetwork.parse(text).isPresent();
      case "mac" -> MAC.matches(text);
      case "uri" -> isUri(text);
      case "k8s-short-name" -> text.length() <= 63 && SHORT_NAME.matches(text);
      case "k8s-long-name" -> text.length() <= MAX_HOSTNAME && LONG_NAME.matches(text);
      default -> true;
    };
  }

  static boolean matchesNumber(String format, JsonNode number) {
    return switch (format) {
      case "int32" -> number.canConvertToInt();
      case "int64" -> number.canConvertToLong();
      default -> true;
    };
  }

  private static boolean isDateTime(String text) {
    try {
      OffsetDateTime.parse(text.toUpperCase(Locale.ROOT));
      return true;
    } catch (DateTimeException e) {
      return false;
    }
  }

  private static boolean isDate(String text) {
    try {
      LocalDate.parse(text);
      return true;
    } catch (DateTimeException e) {
      return false;
    }
  }

  private static boolean isBase64(String text) {
    try {
      Base64.getDecoder().decode(text);
      return true;
    } catch (IllegalArgumentException e) {
      return false;
    }
  }

  private static boolean isUri(String text) {
    try {
      return new URI(text).isAbsolute() || text.startsWith("/");
    } catch (URISyntaxException e) {
      return false;
    }
  }
}
