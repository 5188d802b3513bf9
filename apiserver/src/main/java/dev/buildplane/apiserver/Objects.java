package dev.buildplane.apiserver;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.buildplane.store.ObjectStore;
import dev.buildplane.store.Page;
import dev.buildplane.store.StoreProblem;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Base64;
import java.util.List;
import java.util.Optional;

/// Reads objects: single ones and lists.
final class Objects {
  /// Objects read from the store in one go.
  private static final int CHUNK = 500;
  /// Objects in one answer, whatever `limit` says; a list without `limit` may be longer.
  static final int MAX_PAGE_ITEMS = 5_000;

  private final ObjectStore store;

  Objects(ObjectStore store) {
    this.store = store;
  }

  /// What a list asks for.
  ///
  /// @param limit 0 for everything
  record ListRequest(
      ResourceType type,
      String namespace,
      Selector selector,
      int limit,
      String continueToken,
      String resourceVersion,
      String match) {}

  /// @param continueToken empty on the last page
  /// @param remaining objects after this page; -1 when not known
  record ListResult(List<ObjectNode> items, long revision, String continueToken, long remaining) {
    ListResult {
      items = List.copyOf(items);
    }
  }

  Optional<ObjectNode> find(ResourceType type, String namespace, String name) {
    return store.get(type.key(namespace, name)).map(stored -> Codec.decode(type, stored));
  }

  /// @throws ApiProblem 404
  ObjectNode get(ResourceType type, String namespace, String name) {
    return find(type, namespace, name).orElseThrow(() -> ApiProblem.notFound(type, name));
  }

  /// Everything of a type in a namespace (empty: in all), now.
  List<ObjectNode> all(ResourceType type, String namespace) {
    return list(new ListRequest(type, namespace, Selector.ALL, 0, "", "", "")).items();
  }

  /// @throws ApiProblem 410 when the page asked for is of a moment no longer kept
  ListResult list(ListRequest request) {
    var start = start(request);
    var items = new ArrayList<ObjectNode>();
    var limit =
        request.limit() == 0 ? Integer.MAX_VALUE : Math.min(request.limit(), MAX_PAGE_ITEMS);
    var after = start.after();
    var revision = start.revision();
    while (true) {
      var page = page(request, after, revision, Math.min(CHUNK, limit));
      revision = page.revision();
      for (var i = 0; i < page.items().size(); i++) {
        var stored = page.items().get(i);
        after = stored.key();
        var object = Codec.decode(request.type(), stored);
        if (request.selector().matches(object)) {
          items.add(object);
        }
        var last = i == page.items().size() - 1;
        if (items.size() == limit && !(last && !page.more())) {
          var remaining = request.selector().all() && page.remaining() >= 0
              ? page.remaining() + page.items().size() - 1 - i
              : -1;
          return new ListResult(items, revision, Continue.encode(revision, after), remaining);
        }
      }
      if (!page.more()) {
        return new ListResult(items, revision, "", 0);
      }
    }
  }

  private record Start(String after, long revision) {}

  private static Start start(ListRequest request) {
    if (!request.continueToken().isEmpty()) {
      return Continue.decode(request.continueToken());
    }
    return new Start("", request.match().equals("Exact") ? revision(request.resourceVersion()) : 0);
  }

  private Page page(ListRequest request, String after, long revision, int limit) {
    try {
      return store.list(request.type().prefix(request.namespace()), after, revision, limit);
    } catch (StoreProblem.RevisionCompacted e) {
      throw ApiProblem.expired(
          request.continueToken().isEmpty()
              ? "The resourceVersion for the provided list is too old."
              : "The provided continue parameter is too old to display a consistent list result. You can start a new list"
                  + " without the continue parameter.");
    } catch (StoreProblem.RevisionAhead e) {
      throw tooLarge(String.valueOf(e.getMessage()));
    }
  }

  private static ApiProblem tooLarge(String message) {
    return ApiProblem.of(504, "Timeout", "Too large resource version: " + message);
  }

  /// @throws ApiProblem 504 as Kubernetes has it, when the list asked for is of a revision that does
  ///     not exist yet
  void requireReached(String resourceVersion) {
    var wanted = revision(resourceVersion);
    if (wanted > store.revision()) {
      throw tooLarge(wanted + ", current: " + store.revision());
    }
  }

  /// The number behind a resource version; 0 for the empty text.
  ///
  /// @throws ApiProblem 400 when it is none
  static long revision(String resourceVersion) {
    if (resourceVersion.isEmpty()) {
      return 0;
    }
    try {
      var revision = Long.parseLong(resourceVersion);
      if (revision >= 0) {
        return revision;
      }
    } catch (NumberFormatException _) {
      // told below, as for negative numbers
    }
    throw ApiProblem.badRequest(
        "Invalid value: \"" + resourceVersion + "\": invalid resource version");
  }

  /// Continue tokens: opaque to clients.
  private static final class Continue {
    static String encode(long revision, String after) {
      var token = Json.object().put("rv", revision).put("start", after);
      return Base64.getUrlEncoder().withoutPadding().encodeToString(Json.bytes(token));
    }

    static Start decode(String token) {
      try {
        var text = new String(Base64.getUrlDecoder().decode(token), StandardCharsets.UTF_8);
        var node = Json.MAPPER.readTree(text);
        if (node.path("rv").isIntegralNumber() && node.path("start").isTextual()) {
          return new Start(Json.text(node, "start"), node.path("rv").asLong());
        }
      } catch (IllegalArgumentException | JsonProcessingException _) {
        // told below, as for other content
      }
      throw ApiProblem.badRequest(
          "continue key is not valid: expected the token of an earlier answer");
    }
  }
}
