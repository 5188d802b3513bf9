package dev.buildplane.schema;

import static dev.buildplane.schema.FunctionSet.global;
import static dev.buildplane.schema.FunctionSet.member;
import static dev.buildplane.schema.KubernetesFunctions.parsed;
import static dev.cel.common.types.SimpleType.BOOL;
import static dev.cel.common.types.SimpleType.INT;
import static dev.cel.common.types.SimpleType.STRING;

import dev.cel.common.types.CelType;
import dev.cel.common.types.ListType;
import dev.cel.common.types.MapType;
import dev.cel.runtime.CelFunctionOverload;

/// The functions of the Kubernetes CEL libraries for URLs, IP addresses and networks.
final class NetworkFunctions {
  private static final CelType URL = Opaque.OfUrl.TYPE;
  private static final CelType IP = Opaque.OfIp.TYPE;
  private static final CelType CIDR = Opaque.OfCidr.TYPE;

  private NetworkFunctions() {}

  static void addTo(FunctionSet functions) {
    urls(functions);
    addresses(functions);
    networks(functions);
  }

  private static void urls(FunctionSet functions) {
    functions
        .add(
            "url",
            global(
                "string_to_url",
                URL,
                STRING,
                String.class,
                text -> new Opaque.OfUrl(parsed(WebAddress.parse(text), "URL", text))))
        .add(
            "isURL",
            global(
                "is_url_string",
                BOOL,
                STRING,
                String.class,
                text -> WebAddress.parse(text).isPresent()))
        .add("getScheme", ofUrl("url_get_scheme", url -> url.inner().scheme()))
        .add("getHost", ofUrl("url_get_host", url -> url.inner().host()))
        .add("getHostname", ofUrl("url_get_hostname", url -> url.inner().hostname()))
        .add("getPort", ofUrl("url_get_port", url -> url.inner().port()))
        .add("getEscapedPath", ofUrl("url_get_escaped_path", url -> url.inner().escapedPath()))
        .add(
            "getQuery",
            member(
                "url_get_query",
                MapType.create(STRING, ListType.create(STRING)),
                URL,
                Opaque.OfUrl.class,
                url -> url.inner().query()));
  }

  private static FunctionSet.Overload ofUrl(
      String id, CelFunctionOverload.Unary<Opaque.OfUrl> part) {
    return member(id, STRING, URL, Opaque.OfUrl.class, part);
  }

  private static void addresses(FunctionSet functions) {
    functions
        .add(
            "isIP",
            global(
                "is_ip",
                BOOL,
                STRING,
                String.class,
                text -> IpAddress.parse(text).isPresent()))
        .add(
            "ip.isCanonical",
            global(
                "ip_is_canonical",
                BOOL,
                STRING,
                String.class,
                text ->
                    parsed(IpAddress.parse(text), "IP Address", text).toString().equals(text)))
        .add("family", member("ip_family", INT, IP, Opaque.OfIp.class, ip ->
            (long) ip.inner().family()))
        .add("isUnspecified", ofIp("ip_is_unspecified", ip -> ip.inner().isUnspecified()))
        .add("isLoopback", ofIp("ip_is_loopback", ip -> ip.inner().isLoopback()))
        .add(
            "isLinkLocalMulticast",
            ofIp("ip_is_link_local_multicast", ip -> ip.inner().isLinkLocalMulticast()))
        .add(
            "isLinkLocalUnicast",
            ofIp("ip_is_link_local_unicast", ip -> ip.inner().isLinkLocalUnicast()))
        .add("isGlobalUnicast", ofIp("ip_is_global_unicast", ip -> ip.inner().isGlobalUnicast()))
        .extend(
            "string",
            global("ip_to_string", STRING, IP, Opaque.OfIp.class, Opaque::toString),
            global("cidr_to_string", STRING, CIDR, Opaque.OfCidr.class, Opaque::toString));
  }

  private static FunctionSet.Overload ofIp(String id, CelFunctionOverload.Unary<Opaque.OfIp> test) {
    return member(id, BOOL, IP, Opaque.OfIp.class, test);
  }

  private static void networks(FunctionSet functions) {
    functions
        .add(
            "cidr",
            global(
                "string_to_cidr",
                CIDR,
                STRING,
                String.class,
                text -> new Opaque.OfCidr(network(text))))
        .add(
            "isCIDR",
            global(
                "is_cidr",
                BOOL,
                STRING,
                String.class,
                text -> IpNetwork.parse(text).isPresent()))
        .add(
            "ip",
            global(
                "string_to_ip", IP, STRING, String.class, text -> new Opaque.OfIp(address(text))),
            member(
                "cidr_ip",
                IP,
                CIDR,
                Opaque.OfCidr.class,
                cidr -> new Opaque.OfIp(cidr.inner().address())))
        .add(
            "masked",
            member(
                "cidr_masked",
                CIDR,
                CIDR,
                Opaque.OfCidr.class,
                cidr -> new Opaque.OfCidr(cidr.inner().masked())))
        .add("prefixLength", member("cidr_prefix_length", INT, CIDR, Opaque.OfCidr.class, cidr ->
            (long) cidr.inner().prefixLength()))
        .add(
            "containsIP",
            member(
                "cidr_contains_ip_ip",
                BOOL,
                CIDR,
                Opaque.OfCidr.class,
                IP,
                Opaque.OfIp.class,
                (cidr, ip) -> cidr.inner().contains(ip.inner())),
            member(
                "cidr_contains_ip_string",
                BOOL,
                CIDR,
                Opaque.OfCidr.class,
                STRING,
                String.class,
                (cidr, ip) -> cidr.inner().contains(address(ip))))
        .add(
            "containsCIDR",
            member(
                "cidr_contains_cidr",
                BOOL,
                CIDR,
                Opaque.OfCidr.class,
                CIDR,
                Opaque.OfCidr.class,
                (cidr, other) -> cidr.inner().contains(other.inner())),
            member(
                "cidr_contains_cidr_string",
                BOOL,
                CIDR,
                Opaque.OfCidr.class,
                STRING,
                String.class,
                (cidr, other) -> cidr.inner().contains(network(other))));
  }

  private static IpAddress address(String text) {
    return parsed(IpAddress.parse(text), "IP Address", text);
  }

  private static IpNetwork network(String text) {
    return parsed(IpNetwork.parse(text), "CIDR", text);
  }
}
