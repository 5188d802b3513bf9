package dev.buildplane.http;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;

/// The route table of one server. An exact path beats a prefix, a longer prefix a shorter one.
public final class Router {
  /// The outcome of a look-up.
  sealed interface Match {
    record Found(Route route) implements Match {}

    record NoSuchPath() implements Match {}

    record NoSuchMethod(Set<String> allowed) implements Match {}
  }

  private final List<Route> routes;

  private Router(List<Route> routes) {
    this.routes = routes;
  }

  public static Builder builder() {
    return new Builder();
  }

  /// Most specific first; for tests that walk the policy table.
  public List<Route> routes() {
    return routes;
  }

  Match find(String method, String rawPath) {
    for (var route : routes) {
      if (route.covers(rawPath) && route.allows(method)) {
        return new Match.Found(route);
      }
    }
    var allowed = new TreeSet<String>();
    routes.stream()
        .filter(route -> route.covers(rawPath))
        .forEach(route -> allowed.addAll(route.methods()));
    return allowed.isEmpty() ? new Match.NoSuchPath() : new Match.NoSuchMethod(allowed);
  }

  /// Collects routes.
  public static final class Builder {
    private final List<Route> routes = new ArrayList<>();

    private Builder() {}

    public Builder route(Route route) {
      routes.add(route);
      return this;
    }

    public Router build() {
      var sorted = new ArrayList<>(routes);
      sorted.sort(Comparator.comparing(Route::isPrefix)
          .thenComparing(route -> -route.pattern().length()));
      return new Router(List.copyOf(sorted));
    }
  }
}
