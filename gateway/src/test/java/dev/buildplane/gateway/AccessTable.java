package dev.buildplane.gateway;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Set;

/// The table of `docs/reference/access.md`: the one place that says who may use which route.
final class AccessTable {
  private static final Path PAGE =
      Path.of("").toAbsolutePath().getParent().resolve("docs/reference/access.md");
  private static final String ANY = "any";

  /// One row.
  ///
  /// @param methods empty: any
  /// @param policy name of the route's policy
  /// @param example a request target the route serves
  record Row(String listener, Set<String> methods, String path, String policy, String example) {
    boolean isPublic() {
      return policy.equals("public");
    }

    /// The methods to try it with.
    Set<String> tried() {
      return methods.isEmpty() ? Set.of("GET", "POST", "PUT", "PATCH", "DELETE") : methods;
    }
  }

  private AccessTable() {}

  static List<Row> rows() throws IOException {
    return Files.readAllLines(PAGE).stream()
        .filter(line -> line.startsWith("| ") && line.contains("`"))
        .map(AccessTable::row)
        .toList();
  }

  private static Row row(String line) {
    var cells = line.substring(1).split("\\|", -1);
    return new Row(
        cells[0].strip(),
        methods(cells[1].strip()),
        bare(cells[2]),
        cells[3].strip(),
        bare(cells[5]));
  }

  private static Set<String> methods(String cell) {
    return cell.equals(ANY) ? Set.of() : Set.of(cell.split(", "));
  }

  private static String bare(String cell) {
    return cell.strip().replace("`", "");
  }
}
