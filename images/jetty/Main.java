import java.nio.file.Path;
import org.eclipse.jetty.ee10.servlet.ServletContextHandler;
import org.eclipse.jetty.server.Server;
import org.eclipse.jetty.util.resource.ResourceFactory;
import org.eclipse.jetty.util.thread.QueuedThreadPool;
import org.eclipse.jetty.xml.XmlConfiguration;

/** Jetty inside of an application: `Main FILE` starts it with the connectors of an XML file; `--check FILE` only reads them. */
public class Main {
    public static void main(String[] words) throws Exception {
        if (words[0].equals("--version")) {
            System.out.println("Jetty " + Server.getVersion());
            return;
        }
        Server server = new Server(new QueuedThreadPool(16, 4));
        ServletContextHandler context = new ServletContextHandler("/");
        context.addServlet(Handler.class, "/*");
        server.setHandler(context);
        Path file = Path.of(words[words.length - 1]);
        new XmlConfiguration(ResourceFactory.root().newResource(file)).configure(server);
        if (!words[0].equals("--check")) {
            server.start();
            server.join();
        }
    }
}
