<?php echo "php says hello\n";
