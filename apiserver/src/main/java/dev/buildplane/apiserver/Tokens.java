package dev.buildplane.apiserver;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.buildplane.store.ObjectStore;
import dev.buildplane.store.StoreProblem;
import java.nio.charset.StandardCharsets;
import java.security.InvalidKeyException;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.time.Duration;
import java.util.Base64;
import java.util.List;
import java.util.Optional;
import javax.crypto.Mac;
import javax.crypto.spec.SecretKeySpec;

/// Service account tokens: JSON Web Tokens (RFC 7519) signed with a key that never leaves the store.
final class Tokens {
  private static final String KEY = "/buildplane-internal/token-key";
  private static final int KEY_BYTES = 32;
  private static final String ALGORITHM = "HmacSHA256";
  private static final String HEADER =
      encode(Json.bytes(Json.object().put("alg", "HS256").put("typ", "JWT")));
  private static final String ISSUER = "https://kubernetes.default.svc";
  private static final Duration SHORTEST = Duration.ofMinutes(10);
  private static final Duration LONGEST = Duration.ofHours(24);
  private static final int MAX_TOKEN_CHARS = 8_192;

  private final SecretKeySpec key;
  private final Objects objects;
  private final ResourceType accounts;
  private final Clocked clocked;

  Tokens(ObjectStore store, Objects objects, ResourceType accounts, Clocked clocked) {
    this.key = new SecretKeySpec(key(store, clocked), ALGORITHM);
    this.objects = objects;
    this.accounts = accounts;
    this.clocked = clocked;
  }

  private static byte[] key(ObjectStore store, Clocked clocked) {
    var fresh = new byte[KEY_BYTES];
    clocked.random().nextBytes(fresh);
    try {
      store.create(KEY, fresh);
      return fresh;
    } catch (StoreProblem.RevisionConflict _) {
      return store.get(KEY).orElseThrow().value();
    }
  }

  /// Answers a `TokenRequest` for that account.
  ///
  /// @throws ApiProblem 404 when there is no such account
  ObjectNode issue(String namespace, String name, ObjectNode request) {
    var account = objects.get(accounts, namespace, name);
    var asked =
        Duration.ofSeconds(request.path("spec").path("expirationSeconds").asLong(3_600));
    var lifetime =
        asked.compareTo(SHORTEST) < 0 ? SHORTEST : asked.compareTo(LONGEST) > 0 ? LONGEST : asked;
    var expires = clocked.now().plus(lifetime);
    var claims = Json.object()
        .put("iss", ISSUER)
        .put("sub", "system:serviceaccount:" + namespace + ":" + name)
        .put("iat", clocked.now().getEpochSecond())
        .put("exp", expires.getEpochSecond());
    var bound = claims.putObject("kubernetes.io").put("namespace", namespace);
    bound.putObject("serviceaccount").put("name", name).put("uid", Meta.uid(account));
    var signed = HEADER + "." + encode(Json.bytes(claims));
    var answer = request
        .deepCopy()
        .put("kind", "TokenRequest")
        .put("apiVersion", "authentication.k8s.io/v1");
    Json.child(answer, "spec").put("expirationSeconds", lifetime.toSeconds());
    answer
        .putObject("status")
        .put("token", signed + "." + encode(sign(signed)))
        .put("expirationTimestamp", Json.time(expires));
    return answer;
  }

  /// Whose token this is; empty when it is none of ours, expired, or its account has gone.
  Optional<Caller> verify(String token) {
    var parts = token.split("\\.", -1);
    if (token.length() > MAX_TOKEN_CHARS || parts.length != 3 || !parts[0].equals(HEADER)) {
      return Optional.empty();
    }
    try {
      var given = Base64.getUrlDecoder().decode(parts[2]);
      if (!MessageDigest.isEqual(given, sign(parts[0] + "." + parts[1]))) {
        return Optional.empty();
      }
      return account(Json.MAPPER.readTree(
          new String(Base64.getUrlDecoder().decode(parts[1]), StandardCharsets.UTF_8)));
    } catch (IllegalArgumentException | JsonProcessingException _) {
      return Optional.empty();
    }
  }

  private Optional<Caller> account(JsonNode claims) {
    var expired = claims.path("exp").asLong() <= clocked.now().getEpochSecond();
    var namespace = Json.text(claims, "kubernetes.io", "namespace");
    var account = claims.path("kubernetes.io").path("serviceaccount");
    var uid = Json.text(account, "uid");
    var found = objects.find(accounts, namespace, Json.text(account, "name"));
    if (expired || found.isEmpty() || !Meta.uid(found.get()).equals(uid)) {
      return Optional.empty();
    }
    var groups = List.of(
        "system:serviceaccounts", "system:serviceaccounts:" + namespace, Caller.AUTHENTICATED);
    return Optional.of(new Caller(Json.text(claims, "sub"), uid, groups));
  }

  private byte[] sign(String text) {
    try {
      var mac = Mac.getInstance(ALGORITHM);
      mac.init(key);
      return mac.doFinal(text.getBytes(StandardCharsets.US_ASCII));
    } catch (NoSuchAlgorithmException | InvalidKeyException e) {
      throw new IllegalStateException("this Java lacks " + ALGORITHM, e);
    }
  }

  private static String encode(byte[] bytes) {
    return Base64.getUrlEncoder().withoutPadding().encodeToString(bytes);
  }
}
