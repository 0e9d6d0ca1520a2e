/** How the process ends. It halts: exit would wait for the hook, and the hook for the thread that called it. */
final class End {
    /** When told to end: closes, and ends with 0 where the JVM would with 143. */
    static void closing(AutoCloseable what) {
        Runtime.getRuntime().addShutdownHook(new Thread(() -> {
            try {
                what.close();
                Runtime.getRuntime().halt(0);
            } catch (Exception error) {
                failed(error);
            }
        }));
    }

    /** Does not return. */
    static <T> T failed(Throwable error) {
        error.printStackTrace();
        Runtime.getRuntime().halt(1);
        return null;
    }
}
