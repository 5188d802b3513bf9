package greeter;

/// Greets whoever is named on the command line.
public final class Greeter {
  private Greeter() {}

  public static void main(String[] names) {
    System.out.println(greet(names.length == 0 ? "world" : String.join(" and ", names)));
  }

  static String greet(String name) {
    if (name.isBlank()) {
      throw new IllegalArgumentException("expected a name, found nothing but blanks");
    }
    return "Hello, " + name.strip() + "!";
  }
}
